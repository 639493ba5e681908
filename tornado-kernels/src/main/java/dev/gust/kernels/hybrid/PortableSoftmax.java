package dev.gust.kernels.hybrid;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Attention over ranges of keys, a few keys at a time: sums are rescaled whenever the greatest score grows (arXiv 2205.14135). */
public final class PortableSoftmax {
    /** Keys to a step. */
    private static final int KEYS = 16;

    private PortableSoftmax() {}

    /**
     * o = Σ w v / Σ w over the keys that a query sees.
     *
     * @param q [queries, H, D]
     * @param k [keys, KEY_HEADS, D]
     * @param v [keys, KEY_HEADS, V]
     * @param o [queries, H, V]; 0 where the weights sum to 0
     * @param statistics [queries, H, 2], see {@link WeightKind}
     * @param ranges [queries, 3], see {@link SoftmaxSizes#RANGE}
     * @param chosen [keys, KEY_HEADS] 1 for keys that are seen from further away, if {@code selective}
     * @param sizes see {@link SoftmaxSizes}
     * @param kind of {@link WeightKind}
     * @param selective 1 if {@code chosen} counts, 0 if all keys of a range are seen
     * @param capacity queries · H that there is room for
     */
    public static void attendPortable(
            FloatArray q,
            FloatArray k,
            FloatArray v,
            FloatArray o,
            FloatArray statistics,
            IntArray ranges,
            IntArray chosen,
            IntArray sizes,
            float scale,
            int kind,
            int selective,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            int heads = sizes.get(SoftmaxSizes.HEADS);
            if (row < sizes.get(SoftmaxSizes.QUERIES) * heads) {
                float[] weights = new float[KEYS];
                for (int i = 0; i < KEYS; i++) {
                    weights[i] = 0.0f;
                }
                int keyHeads = sizes.get(SoftmaxSizes.KEY_HEADS);
                int width = sizes.get(SoftmaxSizes.WIDTH);
                int values = sizes.get(SoftmaxSizes.VALUES);
                int query = row / heads;
                int keyHead = SoftmaxValues.keyHead(row - query * heads, sizes);
                int near = ranges.get(query * SoftmaxSizes.RANGE + 1);
                int end = ranges.get(query * SoftmaxSizes.RANGE + 2);
                for (int d = 0; d < values; d++) {
                    o.set(row * values + d, 0.0f);
                }
                float max = SoftmaxValues.UNSEEN;
                float sum = 0.0f;
                float squares = 0.0f;
                for (int start = ranges.get(query * SoftmaxSizes.RANGE); start < end; start += KEYS) {
                    int count = Math.min(KEYS, end - start);
                    float newMax = max;
                    for (int t = 0; t < count; t++) {
                        int key = start + t;
                        float score = SoftmaxValues.UNSEEN;
                        if (key + SoftmaxValues.reach(chosen, key, keyHead, keyHeads, selective) >= near) {
                            int at = (key * keyHeads + keyHead) * width;
                            score = scale * SoftmaxValues.product(q, row * width, k, at, width);
                        }
                        weights[t] = score;
                        newMax = TornadoMath.max(newMax, score);
                    }
                    float carry = SoftmaxValues.carry(max, newMax, kind);
                    sum *= carry;
                    for (int t = 0; t < count; t++) {
                        float weight = SoftmaxValues.weight(weights[t], newMax, kind);
                        weights[t] = weight;
                        sum += weight;
                        squares += weight * weight;
                    }
                    for (int d = 0; d < values; d++) {
                        float total = o.get(row * values + d) * carry;
                        for (int t = 0; t < count; t++) {
                            total += weights[t] * v.get(((start + t) * keyHeads + keyHead) * values + d);
                        }
                        o.set(row * values + d, total);
                    }
                    max = newMax;
                }
                float inverse = SoftmaxValues.inverse(sum);
                for (int d = 0; d < values; d++) {
                    o.set(row * values + d, o.get(row * values + d) * inverse);
                }
                statistics.set(row * SoftmaxSizes.STATISTICS, kind == WeightKind.RELU ? squares : max);
                statistics.set(row * SoftmaxSizes.STATISTICS + 1, sum);
            }
        }
    }
}
