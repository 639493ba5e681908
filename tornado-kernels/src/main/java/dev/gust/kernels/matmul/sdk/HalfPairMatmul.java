package dev.gust.kernels.matmul.sdk;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.PortableMatmul;
import dev.gust.kernels.matmul.Tables;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.vectors.Half2;

/**
 * y = x · Wᵀ for F16 and one row of x, on devices that read two 16-bit floats at once. As {@link FloatBitsMatmul}, work-items
 * keep their part of x in registers and go down the rows of W with it, a batch at a time, while the next is under way.
 * Pairs have names instead of places in an array: kernels have no arrays of them.
 */
public final class HalfPairMatmul {
    /** Rows of W that a work-item takes at a time; W has as many at least. */
    public static final int BATCH = 4;

    /** Pairs in a row that a work-item takes. */
    public static final int COLUMNS = 4;

    /** Rows that a group sums up at a time. */
    public static final int ROWS = 16;

    /** K is below. */
    public static final int MOST_COLUMNS = 1 << 20;

    private HalfPairMatmul() {}

    /**
     * The kernel, for at most N / {@link #BATCH} groups, each of which takes its share of the rows of W. Arguments as in
     * {@link PortableMatmul}, and
     *
     * @param halves W; {@code (N + BATCH) · K + MOST_COLUMNS} is an int
     * @param k K, even, as a number that the compiler knows: rows are then a constant apart
     * @param groupSize work-items of a group, a power of two, at least {@link #ROWS}
     */
    public static void matmulHalfPairs(
            KernelContext context,
            HalfFloatArray halves,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int k,
            int groupSize) {
        float[] partial = context.allocateFloatLocalArray((BATCH - 1 + ROWS) * (groupSize + 8));
        float[] sums = context.allocateFloatLocalArray(groupSize);
        int lane = context.localIdx;
        int width = groupSize + 8;
        int sharers = groupSize / ROWS;
        int sum = lane / sharers;
        int part = lane % sharers;
        int n = shape.get(MatmulShape.N);
        int pairs = shape.get(MatmulShape.K) / 2;
        int groups = context.globalGroupSizeX / groupSize;
        int batches = (n + BATCH - 1) / BATCH;
        int least = batches / groups;
        int larger = batches - least * groups;
        int begin = (context.groupIdx * least + Math.min(context.groupIdx, larger)) * BATCH;
        int end = Math.min(n, begin + (least + (context.groupIdx < larger ? 1 : 0)) * BATCH);
        // The last rows are taken with some before them, which are summed up once more: all but one of a batch at most.
        int last = end - BATCH;
        for (int start = 0; start < pairs; start += COLUMNS * groupSize) {
            int column0 = Math.min(start + lane, pairs - 1);
            int column1 = Math.min(start + groupSize + lane, pairs - 1);
            int column2 = Math.min(start + 2 * groupSize + lane, pairs - 1);
            int column3 = Math.min(start + 3 * groupSize + lane, pairs - 1);
            int from = Math.min(begin, last);
            long home0 = home(from, column0, k);
            Half2 a0 = halves.getHalf2((int) home0);
            Half2 b0 = halves.getHalf2((int) (home0 + k));
            Half2 c0 = halves.getHalf2((int) (home0 + 2 * k));
            Half2 d0 = halves.getHalf2((int) (home0 + 3 * k));
            long home1 = home(from, column1, k);
            Half2 a1 = halves.getHalf2((int) home1);
            Half2 b1 = halves.getHalf2((int) (home1 + k));
            Half2 c1 = halves.getHalf2((int) (home1 + 2 * k));
            Half2 d1 = halves.getHalf2((int) (home1 + 3 * k));
            long home2 = home(from, column2, k);
            Half2 a2 = halves.getHalf2((int) home2);
            Half2 b2 = halves.getHalf2((int) (home2 + k));
            Half2 c2 = halves.getHalf2((int) (home2 + 2 * k));
            Half2 d2 = halves.getHalf2((int) (home2 + 3 * k));
            long home3 = home(from, column3, k);
            Half2 a3 = halves.getHalf2((int) home3);
            Half2 b3 = halves.getHalf2((int) (home3 + k));
            Half2 c3 = halves.getHalf2((int) (home3 + 2 * k));
            Half2 d3 = halves.getHalf2((int) (home3 + 3 * k));
            float[] xs = new float[2 * COLUMNS];
            for (int i = 0; i < 2 * COLUMNS; i++) {
                xs[i] = 0.0f;
            }
            for (int i = 0; i < COLUMNS; i++) {
                int at = start + i * groupSize + lane;
                if (at < pairs) {
                    xs[2 * i] = x.get(2 * at);
                    xs[2 * i + 1] = x.get(2 * at + 1);
                }
            }
            for (int first = begin; first < end; first += ROWS) {
                int most = Math.min(ROWS, end - first);
                for (int r = 0; r < most; r += BATCH) {
                    int ahead = Math.min(first + r + BATCH, last);
                    long next0 = home(ahead, column0, k);
                    Half2 e0 = halves.getHalf2((int) next0);
                    Half2 f0 = halves.getHalf2((int) (next0 + k));
                    Half2 g0 = halves.getHalf2((int) (next0 + 2 * k));
                    Half2 h0 = halves.getHalf2((int) (next0 + 3 * k));
                    long next1 = home(ahead, column1, k);
                    Half2 e1 = halves.getHalf2((int) next1);
                    Half2 f1 = halves.getHalf2((int) (next1 + k));
                    Half2 g1 = halves.getHalf2((int) (next1 + 2 * k));
                    Half2 h1 = halves.getHalf2((int) (next1 + 3 * k));
                    long next2 = home(ahead, column2, k);
                    Half2 e2 = halves.getHalf2((int) next2);
                    Half2 f2 = halves.getHalf2((int) (next2 + k));
                    Half2 g2 = halves.getHalf2((int) (next2 + 2 * k));
                    Half2 h2 = halves.getHalf2((int) (next2 + 3 * k));
                    long next3 = home(ahead, column3, k);
                    Half2 e3 = halves.getHalf2((int) next3);
                    Half2 f3 = halves.getHalf2((int) (next3 + k));
                    Half2 g3 = halves.getHalf2((int) (next3 + 2 * k));
                    Half2 h3 = halves.getHalf2((int) (next3 + 3 * k));
                    // Keeps the compiler from moving these loads behind what hides them.
                    context.localBarrier();
                    int to = (BATCH - 1 + Math.min(r, last - first)) * width + lane;
                    float p0 = xs[0] * Half2.lowFloat(a0) + xs[1] * Half2.highFloat(a0);
                    p0 += xs[2] * Half2.lowFloat(a1) + xs[3] * Half2.highFloat(a1);
                    p0 += xs[4] * Half2.lowFloat(a2) + xs[5] * Half2.highFloat(a2);
                    p0 += xs[6] * Half2.lowFloat(a3) + xs[7] * Half2.highFloat(a3);
                    float p1 = xs[0] * Half2.lowFloat(b0) + xs[1] * Half2.highFloat(b0);
                    p1 += xs[2] * Half2.lowFloat(b1) + xs[3] * Half2.highFloat(b1);
                    p1 += xs[4] * Half2.lowFloat(b2) + xs[5] * Half2.highFloat(b2);
                    p1 += xs[6] * Half2.lowFloat(b3) + xs[7] * Half2.highFloat(b3);
                    float p2 = xs[0] * Half2.lowFloat(c0) + xs[1] * Half2.highFloat(c0);
                    p2 += xs[2] * Half2.lowFloat(c1) + xs[3] * Half2.highFloat(c1);
                    p2 += xs[4] * Half2.lowFloat(c2) + xs[5] * Half2.highFloat(c2);
                    p2 += xs[6] * Half2.lowFloat(c3) + xs[7] * Half2.highFloat(c3);
                    float p3 = xs[0] * Half2.lowFloat(d0) + xs[1] * Half2.highFloat(d0);
                    p3 += xs[2] * Half2.lowFloat(d1) + xs[3] * Half2.highFloat(d1);
                    p3 += xs[4] * Half2.lowFloat(d2) + xs[5] * Half2.highFloat(d2);
                    p3 += xs[6] * Half2.lowFloat(d3) + xs[7] * Half2.highFloat(d3);
                    partial[to] = p0;
                    partial[to + width] = p1;
                    partial[to + 2 * width] = p2;
                    partial[to + 3 * width] = p3;
                    a0 = e0;
                    b0 = f0;
                    c0 = g0;
                    d0 = h0;
                    a1 = e1;
                    b1 = f1;
                    c1 = g1;
                    d1 = h1;
                    a2 = e2;
                    b2 = f2;
                    c2 = g2;
                    d2 = h2;
                    a3 = e3;
                    b3 = f3;
                    c3 = g3;
                    d3 = h3;
                }
                context.localBarrier();
                float some = 0.0f;
                if (sum < most) {
                    for (int i = 0; i < ROWS; i++) {
                        some += partial[(BATCH - 1 + sum) * width + part + i * sharers];
                    }
                }
                sums[part * ROWS + sum] = some;
                context.localBarrier();
                if (lane < ROWS && first + lane < end) {
                    float value = 0.0f;
                    for (int i = 0; i < sharers; i++) {
                        value += sums[i * ROWS + lane];
                    }
                    value *= tables.get(Tables.FACTOR);
                    if (start > 0) {
                        value += y.get(first + lane);
                    }
                    y.set(first + lane, value);
                }
            }
        }
    }

    /** Where a pair lies; the remainder and the mask change nothing, as in {@link FloatBitsMatmul}. */
    private static long home(int row, int pair, int k) {
        int rows = (Integer.MAX_VALUE - MOST_COLUMNS) / k - BATCH;
        return (long) (row % rows) * k + ((2 * pair) & (MOST_COLUMNS - 2));
    }
}
