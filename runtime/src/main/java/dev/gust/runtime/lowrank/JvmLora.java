package dev.gust.runtime.lowrank;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.lowrank.jvm.RowSums;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.matmul.jvm.RowsProduct;
import dev.gust.runtime.matmul.jvm.ScratchPool;
import dev.gust.runtime.matmul.jvm.TiledProduct;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * Batched LoRA by vector loops: tokens are gathered by adapter, and a few of one adapter's are a piece of work, through both
 * factors while B x is in the cache.
 */
final class JvmLora implements LoraPlan {
    /** Most tokens to a piece of work, so that there are pieces for all threads. */
    private static final int MOST_TOKENS = 8;

    private final JvmDevice device;
    private final LoraWeight weight;
    private final LoraRows rows;
    private final TiledProduct down;
    private final RowSums up;
    private final int[] allRows;
    private final Optional<MatmulPlan> base;
    private final int threads;
    private final ScratchPool<Scratch> scratch;
    private volatile boolean closed;

    /** Tokens of one adapter. */
    private record Run(int adapter, int[] tokens) {}

    /** One thread's tokens, B x of them in the columns of their adapter, and some of their sums. */
    private final class Scratch {
        final MemorySegment x = Arena.ofAuto().allocate(MOST_TOKENS * weight.inFeatures() * Float.BYTES, 64);
        final MemorySegment all = Arena.ofAuto().allocate((long) MOST_TOKENS * allRows.length * Float.BYTES, 64);
        final float[] h = new float[MOST_TOKENS * Math.toIntExact(weight.rank())];
        final float[] sums = new float[MOST_TOKENS * RowSums.WIDTH];
        final float[] before = new float[RowSums.WIDTH];
    }

    JvmLora(JvmDevice device, LoraWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        this.rows = LoraRows.of(weight, Arena.ofAuto());
        this.down = new TiledProduct(rows.b());
        this.up = new RowSums(rows.a());
        this.allRows = new int[Math.toIntExact(rows.a().n())];
        for (int i = 0; i < allRows.length; i++) {
            allRows[i] = i;
        }
        this.base = weight.base().map(w -> QuantizedMatmul.prepare(device, w, options));
        this.threads = device.threads(options.threads());
        this.scratch = new ScratchPool<>(Scratch::new);
    }

    @Override
    public KernelTimes apply(MemorySegment x, MemorySegment ids, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of the adapters is closed");
        }
        LoraBatch.check(weight, x, ids, tokens, y);
        long start = System.nanoTime();
        base.ifPresent(b -> b.multiply(x, tokens, y));
        List<Run> runs = runs(ids, tokens);
        int helpers = device.canReach(x) && device.canReach(y) ? threads : 1;
        device.forRows(runs.size(), 1, helpers, (first, end) -> {
            Scratch s = scratch.borrow();
            for (long i = first; i < end; i++) {
                add(runs.get((int) i), s, x, y);
            }
            scratch.giveBack(s);
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    /** Tokens by adapter, a few at a time; those without one are left out. */
    private List<Run> runs(MemorySegment ids, int tokens) {
        int adapters = weight.adapters().size();
        int[] ends = new int[adapters + 1];
        for (int t = 0; t < tokens; t++) {
            ends[id(ids, t) + 1]++;
        }
        for (int a = 1; a <= adapters; a++) {
            ends[a] += ends[a - 1];
        }
        // Where each kind of token begins, which filling moves on to where it ends.
        int[] next = new int[adapters + 1];
        System.arraycopy(ends, 0, next, 1, adapters);
        int[] sorted = new int[tokens];
        for (int t = 0; t < tokens; t++) {
            sorted[next[id(ids, t) + 1]++] = t;
        }
        var runs = new ArrayList<Run>();
        for (int a = 0; a < adapters; a++) {
            for (int from = ends[a]; from < ends[a + 1]; from += MOST_TOKENS) {
                int end = Math.min(ends[a + 1], from + MOST_TOKENS);
                runs.add(new Run(a, Arrays.copyOfRange(sorted, from, end)));
            }
        }
        return runs;
    }

    private static int id(MemorySegment ids, int token) {
        return ids.get(Layouts.INT, (long) token * Integer.BYTES);
    }

    private void add(Run run, Scratch s, MemorySegment x, MemorySegment y) {
        int first = rows.starts()[run.adapter()];
        int rank = rows.rank(run.adapter());
        int count = run.tokens().length;
        long bytes = weight.inFeatures() * Float.BYTES;
        for (int i = 0; i < count; i++) {
            MemorySegment.copy(x, run.tokens()[i] * bytes, s.x, i * bytes, bytes);
        }
        try (RowsProduct.Input panel = down.prepare(s.x, 0, count)) {
            down.multiply(panel, 0, first, first + rank, s.all);
        }
        float scale = rows.scales()[run.adapter()];
        for (int i = 0; i < count; i++) {
            for (int k = 0; k < rank; k++) {
                long at = (long) i * allRows.length + first + k;
                s.h[i * rank + k] = scale * s.all.get(Layouts.FLOAT, at * Float.BYTES);
            }
        }
        var choice = new RowSums.Choice(allRows, first, rank, s.h, 0, rank, count);
        int outputs = Math.toIntExact(weight.outFeatures());
        for (int column = 0; column < outputs; column += RowSums.WIDTH) {
            int width = Math.min(RowSums.WIDTH, outputs - column);
            int room = RowSums.room(width);
            RowSums.clear(s.sums, count * room);
            up.add(choice, column, width, s.sums, room);
            for (int i = 0; i < count; i++) {
                long at = ((long) run.tokens()[i] * outputs + column) * Float.BYTES;
                MemorySegment.copy(y, Layouts.FLOAT, at, s.before, 0, width);
                for (int c = 0; c < width; c++) {
                    s.before[c] += s.sums[i * room + c];
                }
                MemorySegment.copy(s.before, 0, y, Layouts.FLOAT, at, width);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        base.ifPresent(MatmulPlan::close);
    }
}
