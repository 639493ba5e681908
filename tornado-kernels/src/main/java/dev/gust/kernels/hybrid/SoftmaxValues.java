package dev.gust.kernels.hybrid;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Single scores and weights. Pieces of kernels. */
final class SoftmaxValues {
    /** The score of a key that is not seen; finite, as infinities are undefined under relaxed math. */
    static final float UNSEEN = -3.0e38f;

    /** More than there are keys, and no overflow when added to a key. */
    private static final int ANYWHERE = 1 << 30;

    private SoftmaxValues() {}

    static int keyHead(int head, IntArray sizes) {
        int heads = sizes.get(SoftmaxSizes.HEADS);
        int keyHeads = sizes.get(SoftmaxSizes.KEY_HEADS);
        return sizes.get(SoftmaxSizes.TILED) == 1 ? head % keyHeads : head / (heads / keyHeads);
    }

    /**
     * From how far before those that are seen in any case a key is seen: so a key is seen or not by one comparison. Said with
     * ||, TornadoVM's OpenCL ran the loop under it for keys, too, that neither side was true of.
     */
    static int reach(IntArray chosen, int key, int keyHead, int keyHeads, int selective) {
        int reach = ANYWHERE;
        if (selective == 1) {
            reach = chosen.get(key * keyHeads + keyHead) * ANYWHERE;
        }
        return reach;
    }

    static float product(FloatArray q, int query, FloatArray k, int key, int width) {
        float sum = 0.0f;
        for (int d = 0; d < width; d++) {
            sum += q.get(query + d) * k.get(key + d);
        }
        return sum;
    }

    static float weight(float score, float max, int kind) {
        float weight = 0.0f;
        if (score > UNSEEN) {
            weight = kind == WeightKind.RELU ? TornadoMath.max(score, 0.0f) : TornadoMath.exp(score - max);
        }
        return weight;
    }

    /** What sums made so far are multiplied by when the greatest score changes. */
    static float carry(float max, float newMax, int kind) {
        return kind == WeightKind.RELU ? 1.0f : TornadoMath.exp(max - newMax);
    }

    /** 1 / sum, or 0 where no key was seen, so that o is 0 there. */
    static float inverse(float sum) {
        return sum > 0.0f ? 1.0f / sum : 0.0f;
    }
}
