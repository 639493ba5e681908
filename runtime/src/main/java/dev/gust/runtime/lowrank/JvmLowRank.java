package dev.gust.runtime.lowrank;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.MatmulSizes;
import dev.gust.runtime.matmul.jvm.IntegerProduct;
import dev.gust.runtime.matmul.jvm.RowsProduct;
import dev.gust.runtime.matmul.jvm.ScratchPool;
import dev.gust.runtime.matmul.jvm.TiledProduct;
import dev.gust.runtime.matmul.jvm.WideProduct;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The factored product by vector loops over the factors where they lie. A few tokens at a time go through both factors, so
 * that B x stays in the cache; rows of y are made by W and A before the next ones.
 */
final class JvmLowRank implements MatmulPlan {
    /** Weights to a piece of work. */
    private static final long GRAIN_WEIGHTS = 1 << 16;

    /** With more tokens, restoring a piece of a weight once for all of them is faster than integers for each. */
    private static final int MOST_INTEGER_TOKENS = 4;

    /** Most tokens that go through both factors together. */
    private static final int MOST_TOKENS = 64;

    private final JvmDevice device;
    private final FactoredWeight weight;
    private final Ways down;
    private final Ways up;
    private final Optional<Ways> base;
    private final int threads;
    /** B x of the tokens that go through together. */
    private final ScratchPool<MemorySegment> scratch;

    private volatile boolean closed;

    /** A product in float32, and by integers where the form has a way and it is allowed. */
    private record Ways(LinearWeight weight, RowsProduct floats, Optional<RowsProduct> integers) {
        static Ways of(LinearWeight weight, boolean integerPath) {
            return new Ways(
                    weight,
                    new TiledProduct(weight),
                    integerPath ? WideProduct.of(weight).or(() -> IntegerProduct.of(weight)) : Optional.empty());
        }

        RowsProduct forTokens(int tokens) {
            return tokens > MOST_INTEGER_TOKENS ? floats : integers.orElse(floats);
        }
    }

    JvmLowRank(JvmDevice device, FactoredWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        LinearWeight a = weight.scaledA();
        this.down = Ways.of(weight.b(), options.integerPath());
        this.base = weight.base().map(w -> Ways.of(w, options.integerPath()));
        this.up = base.isPresent()
                ? new Ways(a, new TiledProduct(a, true), Optional.empty())
                : Ways.of(a, options.integerPath());
        this.threads = device.threads(options.threads());
        this.scratch = new ScratchPool<>(() -> Arena.ofAuto().allocate(MOST_TOKENS * weight.rank() * Float.BYTES, 64));
    }

    @Override
    public KernelTimes multiply(MemorySegment x, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + weight.a().name() + "' is closed");
        }
        MatmulSizes.check(weight.a().name(), weight.outFeatures(), weight.inFeatures(), x, tokens, y);
        long start = System.nanoTime();
        int helpers = mayShare(y) ? threads : 1;
        RowsProduct first = down.forTokens(tokens);
        RowsProduct second = up.forTokens(tokens);
        Optional<RowsProduct> other = base.map(b -> b.forTokens(tokens));
        int most = Math.min(
                Math.min(MOST_TOKENS, first.panelRows()),
                Math.min(second.panelRows(), other.map(RowsProduct::panelRows).orElse(MOST_TOKENS)));
        MemorySegment h = scratch.borrow();
        for (int token = 0; token < tokens; token += most) {
            panel(first, second, other, x, h, y, token, Math.min(most, tokens - token), helpers);
        }
        scratch.giveBack(h);
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void panel(
            RowsProduct first,
            RowsProduct second,
            Optional<RowsProduct> other,
            MemorySegment x,
            MemorySegment h,
            MemorySegment y,
            int token,
            int count,
            int helpers) {
        try (RowsProduct.Input in = first.prepare(x, token, count)) {
            device.forRows(
                    weight.rank(),
                    grain(weight.inFeatures()),
                    helpers,
                    (from, to) -> first.multiply(in, 0, from, to, h));
        }
        MemorySegment rows =
                y.asSlice(token * weight.outFeatures() * Float.BYTES, count * weight.outFeatures() * Float.BYTES);
        try (RowsProduct.Input in = second.prepare(h, 0, count)) {
            if (other.isEmpty()) {
                device.forRows(
                        weight.outFeatures(),
                        grain(weight.rank()),
                        helpers,
                        (from, to) -> second.multiply(in, 0, from, to, rows));
                return;
            }
            RowsProduct whole = other.get();
            try (RowsProduct.Input all = whole.prepare(x, token, count)) {
                device.forRows(
                        weight.outFeatures(), grain(weight.inFeatures() + weight.rank()), helpers, (from, to) -> {
                            whole.multiply(all, 0, from, to, rows);
                            second.multiply(in, 0, from, to, rows);
                        });
            }
        }
    }

    /** A multiple of four, as rows are restored by fours. */
    private static long grain(long columns) {
        return Math.max(4, GRAIN_WEIGHTS / columns / 4 * 4);
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(MemorySegment y) {
        return device.canReach(y)
                && canReach(weight.a())
                && canReach(weight.b())
                && weight.base().map(this::canReach).orElse(true);
    }

    private boolean canReach(LinearWeight factor) {
        return device.canReach(factor.codes()) && device.canReach(factor.scales());
    }

    @Override
    public void close() {
        closed = true;
    }
}
