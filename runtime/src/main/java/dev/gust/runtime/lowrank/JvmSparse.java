package dev.gust.runtime.lowrank;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.lowrank.jvm.RowSums;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.jvm.ScratchPool;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The sparse product by vector loops, token by token: channels are sorted into active ones and others, threads share the
 * others' rows of V, and then the columns of y.
 */
final class JvmSparse implements MatmulPlan {
    /** Rows of V to a piece of work; fixed, so that sums do not depend on the number of threads. */
    private static final int SLICE = 512;

    /** Fewest columns of y to a piece of work. */
    private static final int LEAST_COLUMNS = 128;

    private final JvmDevice device;
    private final SparseWeight weight;
    private final int inputs;
    private final int outputs;
    private final int rank;
    private final RowSums columns;
    private final Optional<RowSums> u;
    private final Optional<RowSums> v;
    private final float[] scale;
    private final int[] ranks;
    private final int threads;
    private final ScratchPool<Scratch> scratch;
    private volatile boolean closed;

    /** One call's channels, active ones first, with their numbers, and the low-rank part's sums. */
    private final class Scratch {
        final int[] order = new int[inputs];
        final float[] values = new float[inputs];
        final float[] x = new float[inputs];
        final float[] parts = new float[Math.ceilDiv(inputs, SLICE) * RowSums.room(rank)];
        final float[] h = new float[rank];
    }

    JvmSparse(JvmDevice device, SparseWeight weight, MatmulOptions options) {
        this.device = device;
        this.weight = weight;
        this.inputs = Math.toIntExact(weight.inFeatures());
        this.outputs = Math.toIntExact(weight.outFeatures());
        this.rank = Math.toIntExact(weight.rank());
        this.columns = new RowSums(weight.columns());
        this.u = weight.lowRank().map(f -> new RowSums(f.u()));
        this.v = weight.lowRank().map(f -> new RowSums(f.v()));
        this.scale = new float[inputs];
        MemorySegment.copy(weight.scale(), Layouts.FLOAT, 0, scale, 0, inputs);
        this.ranks = new int[rank];
        for (int k = 0; k < rank; k++) {
            ranks[k] = k;
        }
        this.threads = device.threads(options.threads());
        this.scratch = new ScratchPool<>(Scratch::new);
    }

    @Override
    public KernelTimes multiply(MemorySegment x, int tokens, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan for '" + weight.columns().name() + "' is closed");
        }
        SparseMatmul.check(weight, x, tokens, y);
        long start = System.nanoTime();
        int helpers = mayShare(y) ? threads : 1;
        Scratch s = scratch.borrow();
        for (int token = 0; token < tokens; token++) {
            MemorySegment.copy(x, Layouts.FLOAT, (long) token * inputs * Float.BYTES, s.x, 0, inputs);
            int active = select(s);
            v.ifPresent(rows -> project(rows, s, active, helpers));
            long row = (long) token * outputs * Float.BYTES;
            int width = width(helpers);
            device.forRows(Math.ceilDiv(outputs, width), 1, helpers, (first, end) -> {
                for (long piece = first; piece < end; piece++) {
                    combine(s, active, (int) piece * width, width, y, row);
                }
            });
        }
        scratch.giveBack(s);
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    /** Sorts the channels; returns how many are active. */
    private int select(Scratch s) {
        int front = 0;
        int back = inputs;
        for (int j = 0; j < inputs; j++) {
            int place = Math.abs(s.x[j] * scale[j]) > weight.threshold() ? front++ : --back;
            s.order[place] = j;
            s.values[place] = s.x[j];
        }
        return front;
    }

    /** h = Vᵀ (x ∘ (1 − m)). */
    private void project(RowSums rows, Scratch s, int active, int helpers) {
        int room = RowSums.room(rank);
        int slices = Math.ceilDiv(inputs - active, SLICE);
        device.forRows(slices, 1, helpers, (first, end) -> {
            float[] sums = new float[RowSums.WIDTH];
            for (long slice = first; slice < end; slice++) {
                int from = active + (int) slice * SLICE;
                int count = Math.min(SLICE, inputs - from);
                var choice = new RowSums.Choice(s.order, from, count, s.values, from, 0, 1);
                for (int k = 0; k < rank; k += RowSums.WIDTH) {
                    int width = Math.min(RowSums.WIDTH, rank - k);
                    RowSums.clear(sums, RowSums.room(width));
                    rows.add(choice, k, width, sums, RowSums.room(width));
                    System.arraycopy(sums, 0, s.parts, (int) slice * room + k, width);
                }
            }
        });
        for (int k = 0; k < rank; k++) {
            float sum = 0;
            for (int slice = 0; slice < slices; slice++) {
                sum += s.parts[slice * room + k];
            }
            s.h[k] = sum;
        }
    }

    /** Some numbers of y: the active columns, and U h. */
    private void combine(Scratch s, int active, int first, int width, MemorySegment y, long row) {
        int count = Math.min(width, outputs - first);
        int room = RowSums.room(count);
        float[] sums = new float[room];
        columns.add(new RowSums.Choice(s.order, 0, active, s.values, 0, 0, 1), first, count, sums, room);
        u.ifPresent(rows -> rows.add(new RowSums.Choice(ranks, 0, rank, s.h, 0, 0, 1), first, count, sums, room));
        MemorySegment.copy(sums, 0, y, Layouts.FLOAT, row + (long) first * Float.BYTES, count);
    }

    /** Columns of y to a piece of work: as many as there are sums for at a time, or fewer, for all threads to have some. */
    private int width(int helpers) {
        int share = Math.ceilDiv(outputs, 2 * helpers);
        return Math.clamp(Math.ceilDiv(share, LEAST_COLUMNS) * LEAST_COLUMNS, LEAST_COLUMNS, RowSums.WIDTH);
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(MemorySegment y) {
        return device.canReach(y)
                && device.canReach(weight.columns().codes())
                && weight.lowRank()
                        .map(f -> device.canReach(f.u().codes()) && device.canReach(f.v().codes()))
                        .orElse(true);
    }

    @Override
    public void close() {
        closed = true;
    }
}
