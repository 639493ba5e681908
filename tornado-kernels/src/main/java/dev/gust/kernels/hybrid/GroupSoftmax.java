package dev.gust.kernels.hybrid;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link PortableSoftmax} in tiles of 16 queries by 16 keys. A group of 16 × 16 work-items has its queries in local memory
 * all the time, and keys and then values of one tile after another. Each work-item keeps sums for columns of o that are 16
 * apart, and the greatest score and the weights' sum of its query, which the 16 work-items of a query all find alike.
 */
public final class GroupSoftmax {
    /** Work-items of a group along x and y; queries and keys of a tile. */
    public static final int SIDE = 16;

    private GroupSoftmax() {}

    /** Floats of local memory that a group takes. */
    public static long localFloats(int width, int columns) {
        return SIDE * (width + 1L) + SIDE * (Math.max(width, SIDE * columns) + 1L) + SIDE * (SIDE + 1L);
    }

    /**
     * As {@link PortableSoftmax#attendPortable}, for ceil(queries / 16) · H groups, those of the same queries next to each
     * other.
     *
     * @param tiles [ceil(queries / 16), 2] least first and greatest last of the queries' ranges
     * @param width D
     * @param columns ceil(V / 16)
     */
    public static void attendTiles(
            KernelContext context,
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray o,
            FloatArray statistics,
            IntArray ranges,
            IntArray tiles,
            IntArray chosen,
            IntArray sizes,
            int width,
            int columns,
            float scale,
            int kind,
            int selective) {
        float[] queryTile = context.allocateFloatLocalArray(SIDE * (width + 1));
        float[] keyTile =
                context.allocateFloatLocalArray(SIDE * ((width > SIDE * columns ? width : SIDE * columns) + 1));
        float[] weights = context.allocateFloatLocalArray(SIDE * (SIDE + 1));
        float[] sums = new float[columns];
        for (int c = 0; c < columns; c++) {
            sums[c] = 0.0f;
        }
        int x = context.localIdx;
        int y = context.localIdy;
        int item = y * SIDE + x;
        int heads = sizes.get(SoftmaxSizes.HEADS);
        int keyHeads = sizes.get(SoftmaxSizes.KEY_HEADS);
        int depth = sizes.get(SoftmaxSizes.WIDTH);
        int values = sizes.get(SoftmaxSizes.VALUES);
        int queries = sizes.get(SoftmaxSizes.QUERIES);
        int block = context.groupIdx / heads;
        int head = context.groupIdx - block * heads;
        int keyHead = SoftmaxValues.keyHead(head, sizes);
        int query = block * SIDE + y;
        int valuePitch = SIDE * columns + 1;
        int first = 0;
        int near = 0;
        int end = 0;
        if (query < queries) {
            first = ranges.get(query * SoftmaxSizes.RANGE);
            near = ranges.get(query * SoftmaxSizes.RANGE + 1);
            end = ranges.get(query * SoftmaxSizes.RANGE + 2);
        }
        for (int d = x; d < depth; d += SIDE) {
            float value = 0.0f;
            if (query < queries) {
                value = q.get((query * heads + head) * depth + d);
            }
            queryTile[y * (width + 1) + d] = value;
        }
        int stop = tiles.get(2 * block + 1);
        float max = SoftmaxValues.UNSEEN;
        float sum = 0.0f;
        float squares = 0.0f;
        for (int from = tiles.get(2 * block); from < stop; from += SIDE) {
            int line = from + y;
            for (int d = x; d < depth; d += SIDE) {
                float value = 0.0f;
                if (line < stop) {
                    value = k.get((line * keyHeads + keyHead) * depth + d);
                }
                keyTile[y * (width + 1) + d] = value;
            }
            context.localBarrier();
            int key = from + x;
            float score = SoftmaxValues.UNSEEN;
            if (key >= first && key < end) {
                if (key + SoftmaxValues.reach(chosen, key, keyHead, keyHeads, selective) >= near) {
                    float total = 0.0f;
                    for (int d = 0; d < depth; d++) {
                        total += queryTile[y * (width + 1) + d] * keyTile[x * (width + 1) + d];
                    }
                    score = scale * total;
                }
            }
            weights[y * (SIDE + 1) + x] = score;
            context.localBarrier();
            float newMax = max;
            for (int t = 0; t < SIDE; t++) {
                newMax = TornadoMath.max(newMax, weights[y * (SIDE + 1) + t]);
            }
            for (int d = x; d < SIDE * columns; d += SIDE) {
                float value = 0.0f;
                if (line < stop && d < values) {
                    value = v.get((line * keyHeads + keyHead) * values + d);
                }
                keyTile[y * valuePitch + d] = value;
            }
            context.localBarrier();
            weights[y * (SIDE + 1) + x] = SoftmaxValues.weight(score, newMax, kind);
            context.localBarrier();
            float carry = SoftmaxValues.carry(max, newMax, kind);
            max = newMax;
            sum *= carry;
            for (int t = 0; t < SIDE; t++) {
                float weight = weights[y * (SIDE + 1) + t];
                sum += weight;
                squares += weight * weight;
            }
            for (int c = 0; c < columns; c++) {
                float total = sums[c] * carry;
                for (int t = 0; t < SIDE; t++) {
                    total += weights[y * (SIDE + 1) + t] * keyTile[t * valuePitch + c * SIDE + x];
                }
                sums[c] = total;
            }
            context.localBarrier();
        }
        if (query < queries) {
            int row = query * heads + head;
            float inverse = SoftmaxValues.inverse(sum);
            for (int c = 0; c < columns; c++) {
                int d = c * SIDE + x;
                if (d < values) {
                    o.set(row * values + d, sums[c] * inverse);
                }
            }
            if (x == 0) {
                statistics.set(row * SoftmaxSizes.STATISTICS, kind == WeightKind.RELU ? squares : max);
                statistics.set(row * SoftmaxSizes.STATISTICS + 1, sum);
            }
        }
    }
}
