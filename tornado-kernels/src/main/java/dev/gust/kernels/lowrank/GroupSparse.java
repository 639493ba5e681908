package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link PortableSparse} by groups. Active channels are compacted first, so that work-items which sum do nothing else: each
 * has a column, neighbours read neighbouring numbers of a row, and a token's rows are shared out among several groups, as
 * there are too few columns to keep a device busy.
 */
public final class GroupSparse {
    /** Work-items of a group, along x. */
    public static final int LOCAL = 256;

    /** Columns to a group of {@link #slicesGroups}, along x. */
    public static final int LANES = 32;

    /** Parts that a group of {@link #slicesGroups} adds up at a time, along y. */
    public static final int LINES = 8;

    private GroupSparse() {}

    /**
     * Lists the channels, a group to a token: each work-item counts the active ones among its own, and the counts of those
     * before it say where it writes. Within either kind channels come in the order of the work-items that have them.
     * Arguments as in {@link PortableSparse#selectPortable}.
     */
    public static void selectGroups(
            KernelContext context, IntArray shape, FloatArray x, FloatArray scale, IntArray index, IntArray counts) {
        int[] before = context.allocateIntLocalArray(LOCAL);
        int lane = context.localIdx;
        int token = context.groupIdx;
        int n = shape.get(SparseShape.INPUTS);
        int first = token * n;
        float use = token < shape.get(SparseShape.TOKENS) ? 1.0f : 0.0f;
        float threshold = scale.get(n);
        int active = 0;
        for (int j = lane; j < n; j += LOCAL) {
            if (TornadoMath.abs(use * x.get(first + j) * scale.get(j)) > threshold) {
                active++;
            }
        }
        before[lane] = active;
        context.localBarrier();
        for (int step = 1; step < LOCAL; step <<= 1) {
            int other = 0;
            if (lane >= step) {
                other = before[lane - step];
            }
            context.localBarrier();
            before[lane] += other;
            context.localBarrier();
        }
        int total = before[LOCAL - 1];
        int front = before[lane] - active;
        // Channels of the work-items before this one, less the active ones.
        int own = n / LOCAL;
        int back = total + lane * own + Math.min(lane, n - own * LOCAL) - front;
        for (int j = lane; j < n; j += LOCAL) {
            if (TornadoMath.abs(use * x.get(first + j) * scale.get(j)) > threshold) {
                index.set(first + front, j);
                front++;
            } else {
                index.set(first + back, j);
                back++;
            }
        }
        if (lane == 0) {
            counts.set(token, total);
        }
    }

    /**
     * Sums chosen rows, for ceil(COLUMNS / 256) groups along x, SLICES along y and one along z for each token. Arguments as
     * in {@link PortableSparse#rowsPortable}, and
     *
     * @param partial [capacity, SLICES, COLUMNS], receives each slice's sums
     */
    public static void rowsGroups(
            KernelContext context,
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            IntArray index,
            IntArray counts,
            FloatArray x,
            FloatArray h,
            FloatArray partial,
            int code,
            int active) {
        int column = context.globalIdx;
        int slice = context.groupIdy;
        int token = context.groupIdz;
        int columns = shape.get(SparseShape.COLUMNS);
        if (column >= columns) {
            return;
        }
        int n = shape.get(SparseShape.INPUTS);
        int slices = shape.get(SparseShape.SLICES);
        int count = counts.get(token);
        int from = active == 1 ? 0 : count;
        int rows = active == 1 ? count : n - count;
        int rank = shape.get(SparseShape.RANK);
        if (token >= shape.get(SparseShape.TOKENS)) {
            rows = 0;
            rank = 0;
        }
        int share = (rows + slices - 1) / slices;
        int i = token * n + from + Math.min(rows, slice * share);
        int end = token * n + from + Math.min(rows, slice * share + share);
        int away = token * n;
        float sum = 0.0f;
        for (; i + 3 < end; i += 4) {
            int j0 = index.get(i);
            int j1 = index.get(i + 1);
            int j2 = index.get(i + 2);
            int j3 = index.get(i + 3);
            float w0 = WeightValues.stored(words, floats, tables, j0 * columns + column, code);
            float w1 = WeightValues.stored(words, floats, tables, j1 * columns + column, code);
            float w2 = WeightValues.stored(words, floats, tables, j2 * columns + column, code);
            float w3 = WeightValues.stored(words, floats, tables, j3 * columns + column, code);
            sum += w0 * x.get(away + j0) + w1 * x.get(away + j1) + w2 * x.get(away + j2) + w3 * x.get(away + j3);
        }
        for (; i < end; i++) {
            int j = index.get(i);
            sum += x.get(away + j) * WeightValues.stored(words, floats, tables, j * columns + column, code);
        }
        int rankShare = (rank + slices - 1) / slices;
        int k = Math.min(rank, slice * rankShare);
        int last = Math.min(rank, slice * rankShare + rankShare);
        for (; k < last; k++) {
            sum += h.get(token * rank + k)
                    * WeightValues.stored(words, floats, tables, (n + k) * columns + column, code);
        }
        partial.set((token * slices + slice) * columns + column, sum);
    }

    /**
     * Adds up the parts, for ceil(COLUMNS / 32) groups along x and one along y for each token.
     *
     * @param partial [capacity, SLICES, COLUMNS]
     * @param y [capacity, COLUMNS], all of it written
     */
    public static void slicesGroups(KernelContext context, IntArray shape, FloatArray partial, FloatArray y) {
        float[] sums = context.allocateFloatLocalArray(LANES * LINES);
        int lane = context.localIdx;
        int line = context.localIdy;
        int column = context.groupIdx * LANES + lane;
        int token = context.groupIdy;
        int columns = shape.get(SparseShape.COLUMNS);
        int slices = shape.get(SparseShape.SLICES);
        int from = token * slices * columns + column;
        int stop = column < columns ? slices : 0;
        float sum = 0.0f;
        int slice = line;
        for (; slice + 3 * LINES < stop; slice += 4 * LINES) {
            float part0 = partial.get(from + slice * columns);
            float part1 = partial.get(from + (slice + LINES) * columns);
            float part2 = partial.get(from + (slice + 2 * LINES) * columns);
            float part3 = partial.get(from + (slice + 3 * LINES) * columns);
            sum += (part0 + part1) + (part2 + part3);
        }
        for (; slice < stop; slice += LINES) {
            sum += partial.get(from + slice * columns);
        }
        sums[line * LANES + lane] = sum;
        for (int stride = LINES / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (line < stride) {
                sums[line * LANES + lane] += sums[(line + stride) * LANES + lane];
            }
        }
        if (line == 0 && column < columns) {
            y.set(token * columns + column, sums[lane]);
        }
    }
}
