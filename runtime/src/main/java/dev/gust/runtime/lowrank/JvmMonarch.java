package dev.gust.runtime.lowrank;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.MatmulSizes;
import dev.gust.runtime.matmul.jvm.RowsProduct;
import dev.gust.runtime.matmul.jvm.ScratchPool;
import dev.gust.runtime.matmul.jvm.TiledProduct;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Monarch's product by vector loops: blocks are small dense products, which threads share, and numbers are rearranged
 * between them so that what a block takes lies together.
 */
final class JvmMonarch implements MatmulPlan {
    /** Most tokens that go through both factors together. */
    private static final int MOST_TOKENS = 64;

    /** Weights to a piece of work. */
    private static final long GRAIN_WEIGHTS = 1 << 16;

    private final JvmDevice device;
    private final MonarchWeight weight;
    private final Blocks right;
    private final Blocks left;
    private final int threads;
    private final ScratchPool<Scratch> scratch;
    private volatile boolean closed;

    /** A factor's blocks [rows, columns]. */
    private record Blocks(List<TiledProduct> products, int rows, int columns) {
        static Blocks of(LinearWeight factor, int count) {
            int rows = Math.toIntExact(factor.n() / count);
            return new Blocks(
                    IntStream.range(0, count)
                            .mapToObj(b -> new TiledProduct(factor.rows((long) b * rows, rows)))
                            .toList(),
                    rows,
                    Math.toIntExact(factor.k()));
        }

        int count() {
            return products.size();
        }

        long inputs() {
            return (long) count() * columns;
        }

        long outputs() {
            return (long) count() * rows;
        }
    }

    /** What goes into and what comes out of blocks, block by block. */
    private final class Scratch {
        final MemorySegment in = floats(Math.max(right.inputs(), left.inputs()));
        final MemorySegment out = floats(Math.max(right.outputs(), left.outputs()));

        private static MemorySegment floats(long toToken) {
            return Arena.ofAuto().allocate(MOST_TOKENS * toToken * Float.BYTES, 64);
        }
    }

    JvmMonarch(JvmDevice device, MonarchWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        this.right = Blocks.of(weight.r(), weight.rBlocks());
        this.left = Blocks.of(weight.l(), weight.lBlocks());
        this.threads = device.threads(options.threads());
        this.scratch = new ScratchPool<>(Scratch::new);
    }

    @Override
    public KernelTimes multiply(MemorySegment x, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + weight.l().name() + "' is closed");
        }
        MatmulSizes.check(weight.l().name(), weight.outFeatures(), weight.inFeatures(), x, tokens, y);
        long start = System.nanoTime();
        boolean shared = device.canReach(weight.l().codes())
                && device.canReach(weight.r().codes());
        int helpers = shared ? threads : 1;
        Scratch s = scratch.borrow();
        for (int first = 0; first < tokens; first += MOST_TOKENS) {
            some(s, x, first, Math.min(MOST_TOKENS, tokens - first), y, helpers);
        }
        scratch.giveBack(s);
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void some(Scratch s, MemorySegment x, int first, int tokens, MemorySegment y, int helpers) {
        long bytes = (long) right.columns() * Float.BYTES;
        for (int t = 0; t < tokens; t++) {
            for (int b = 0; b < right.count(); b++) {
                long from = ((long) (first + t) * right.count() + b) * bytes;
                MemorySegment.copy(x, from, s.in, ((long) b * tokens + t) * bytes, bytes);
            }
        }
        multiply(right, s, tokens, helpers);
        for (int g = 0; g < right.count(); g++) {
            for (int t = 0; t < tokens; t++) {
                for (int i = 0; i < right.rows(); i++) {
                    int at = g * right.rows() + i;
                    int block = at % left.count();
                    long to = ((long) block * tokens + t) * left.columns() + at / left.count();
                    long from = ((long) g * tokens + t) * right.rows() + i;
                    s.in.set(Layouts.FLOAT, to * Float.BYTES, s.out.get(Layouts.FLOAT, from * Float.BYTES));
                }
            }
        }
        multiply(left, s, tokens, helpers);
        for (int t = 0; t < tokens; t++) {
            long row = (first + t) * left.outputs();
            for (int b = 0; b < left.count(); b++) {
                for (int i = 0; i < left.rows(); i++) {
                    long from = ((long) b * tokens + t) * left.rows() + i;
                    long to = row + (long) i * left.count() + b;
                    y.set(Layouts.FLOAT, to * Float.BYTES, s.out.get(Layouts.FLOAT, from * Float.BYTES));
                }
            }
        }
    }

    private void multiply(Blocks blocks, Scratch s, int tokens, int helpers) {
        long size = (long) blocks.rows() * blocks.columns();
        long inBytes = (long) tokens * blocks.columns() * Float.BYTES;
        long outBytes = (long) tokens * blocks.rows() * Float.BYTES;
        device.forRows(blocks.count(), Math.max(1, GRAIN_WEIGHTS / size), helpers, (from, to) -> {
            for (long b = from; b < to; b++) {
                TiledProduct product = blocks.products().get((int) b);
                MemorySegment in = s.in.asSlice(b * inBytes, inBytes);
                MemorySegment out = s.out.asSlice(b * outBytes, outBytes);
                for (int t = 0; t < tokens; t += product.panelRows()) {
                    int some = Math.min(product.panelRows(), tokens - t);
                    try (RowsProduct.Input panel = product.prepare(in, t, some)) {
                        product.multiply(panel, t, 0, blocks.rows(), out);
                    }
                }
            }
        });
    }

    @Override
    public void close() {
        closed = true;
    }
}
