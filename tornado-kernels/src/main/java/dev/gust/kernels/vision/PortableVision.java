package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Attention without a mask in linear time, on any device: features of queries and keys, a state S = 1/N Σ φ(k)vᵀ [F, D] and
 * the means k̄ and v̄ for each head, and o from φ(q)S and φ(q)·k̄. Tensors are [B, N, H, ·]; a row is a token of a head. Terms
 * are divided by N before they are added, so that no sum is larger than a term.
 */
public final class PortableVision {
    private PortableVision() {}

    /**
     * Features of all rows.
     *
     * @param x [rows, width]
     * @param out receives [rows, count]
     * @param sizes see {@link VisionSizes}
     * @param count features F of a row
     * @param code one of {@link VisionCode}'s features
     * @param capacity rows that the arrays have room for
     */
    public static void featuresPortable(
            FloatArray x, FloatArray out, IntArray sizes, int count, int code, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int f = 0; f < count; f++) {
                if (row < VisionValues.rows(sizes)) {
                    out.set(row * count + f, VisionValues.feature(x, row, f, sizes.get(VisionSizes.WIDTH), code));
                }
            }
        }
    }

    /**
     * Rotary positions on features: pairs (2i, 2i + 1) turn by the angle of token and place.
     *
     * @param cos [N, width]
     * @param sin [N, width]
     */
    public static void rotatePortable(
            FloatArray features,
            FloatArray cos,
            FloatArray sin,
            FloatArray out,
            IntArray sizes,
            int count,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int f = 0; f < count; f++) {
                if (row < VisionValues.rows(sizes)) {
                    out.set(
                            row * count + f,
                            VisionValues.rotated(
                                    features, cos, sin, sizes, row, f, sizes.get(VisionSizes.WIDTH), count));
                }
            }
        }
    }

    /**
     * Means over a head's tokens.
     *
     * @param x [rows, count]
     * @param weights of rows, if {@code weighted} is 1
     * @param out receives [heads, count]
     * @param heads heads in all batches that the arrays have room for
     */
    public static void meansPortable(
            FloatArray x, FloatArray weights, FloatArray out, IntArray sizes, int count, int weighted, int heads) {
        for (@Parallel int head = 0; head < heads; head++) {
            for (@Parallel int c = 0; c < count; c++) {
                if (head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS)) {
                    int tokens = sizes.get(VisionSizes.TOKENS);
                    float share = 1.0f / (float) tokens;
                    float sum = 0.0f;
                    for (int n = 0; n < tokens; n++) {
                        int row = VisionValues.row(head, n, sizes);
                        sum += x.get(row * count + c) * (share * VisionValues.weight(weights, row, weighted));
                    }
                    out.set(head * count + c, sum);
                }
            }
        }
    }

    /** logits = scale · features · means, for every row. */
    public static void logitsPortable(
            FloatArray features, FloatArray means, FloatArray logits, IntArray sizes, float scale, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            if (row < VisionValues.rows(sizes)) {
                int head = VisionValues.head(row, sizes);
                logits.set(
                        row,
                        scale * VisionValues.similarity(features, means, row, head, sizes.get(VisionSizes.FEATURES)));
            }
        }
    }

    /** N · softmax over the tokens of each head. */
    public static void tokenWeightsPortable(FloatArray logits, FloatArray weights, IntArray sizes, int heads) {
        for (@Parallel int head = 0; head < heads; head++) {
            if (head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS)) {
                int tokens = sizes.get(VisionSizes.TOKENS);
                float most = Float.NEGATIVE_INFINITY;
                for (int n = 0; n < tokens; n++) {
                    most = TornadoMath.max(most, logits.get(VisionValues.row(head, n, sizes)));
                }
                float sum = 0.0f;
                for (int n = 0; n < tokens; n++) {
                    sum += TornadoMath.exp(logits.get(VisionValues.row(head, n, sizes)) - most);
                }
                float factor = (float) tokens / sum;
                for (int n = 0; n < tokens; n++) {
                    int row = VisionValues.row(head, n, sizes);
                    weights.set(row, TornadoMath.exp(logits.get(row) - most) * factor);
                }
            }
        }
    }

    /**
     * The state S[f, d] = 1/N Σ k[n, f] · v[n, d] of each head.
     *
     * @param k keys' features [rows, count]
     * @param v [rows, width]
     * @param keyWeights of rows, if {@code weighting} is not {@link VisionCode#UNWEIGHTED}
     * @param valueWeights of rows, if it is {@link VisionCode#KEY_AND_VALUE_WEIGHTS}
     * @param state receives [heads, count, width]
     */
    public static void statePortable(
            FloatArray k,
            FloatArray v,
            FloatArray keyWeights,
            FloatArray valueWeights,
            FloatArray state,
            IntArray sizes,
            int count,
            int width,
            int weighting,
            int heads) {
        for (@Parallel int head = 0; head < heads; head++) {
            for (@Parallel int f = 0; f < count; f++) {
                for (@Parallel int d = 0; d < width; d++) {
                    if (head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS)) {
                        int tokens = sizes.get(VisionSizes.TOKENS);
                        float share = 1.0f / (float) tokens;
                        float sum = 0.0f;
                        for (int n = 0; n < tokens; n++) {
                            int row = VisionValues.row(head, n, sizes);
                            float key =
                                    k.get(row * count + f) * (share * VisionValues.weight(keyWeights, row, weighting));
                            float value =
                                    v.get(row * width + d) * VisionValues.weight(valueWeights, row, weighting >> 1);
                            sum += key * value;
                        }
                        state.set((head * count + f) * width + d, sum);
                    }
                }
            }
        }
    }

    /**
     * The output.
     *
     * @param q queries' features as the numerator takes them [rows, count]
     * @param plain queries' features as the denominator takes them
     * @param state [heads, count, width]
     * @param keyMeans k̄ [heads, count]; not looked at by {@link VisionCode#PLAIN}
     * @param valueMeans v̄ [heads, width]; looked at by {@link VisionCode#MAGNITUDE} and {@link VisionCode#INJECTIVE}
     * @param o receives [rows, width]
     * @param kind one of {@link VisionCode}'s forms of o
     */
    public static void readPortable(
            FloatArray q,
            FloatArray plain,
            FloatArray state,
            FloatArray keyMeans,
            FloatArray valueMeans,
            FloatArray o,
            IntArray sizes,
            int kind,
            float scale,
            float eps,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            if (row < VisionValues.rows(sizes)) {
                int head = VisionValues.head(row, sizes);
                int count = sizes.get(VisionSizes.FEATURES);
                int width = sizes.get(VisionSizes.WIDTH);
                float similarity = 0.0f;
                if (kind != VisionCode.PLAIN) {
                    similarity = VisionValues.similarity(plain, keyMeans, row, head, count);
                }
                float stateFactor = VisionValues.stateFactor(similarity, kind, scale, eps);
                float meanFactor = VisionValues.meanFactor(similarity, kind, scale);
                for (int d = 0; d < width; d++) {
                    float sum = 0.0f;
                    for (int f = 0; f < count; f++) {
                        sum += q.get(row * count + f) * state.get((head * count + f) * width + d);
                    }
                    float mean = 0.0f;
                    if (kind == VisionCode.MAGNITUDE || kind == VisionCode.INJECTIVE) {
                        mean = meanFactor * valueMeans.get(head * width + d);
                    }
                    o.set(row * width + d, stateFactor * sum + mean);
                }
            }
        }
    }
}
