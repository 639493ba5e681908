package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The way back through a length that two keys are divided by, x by its own and y of each value head by that of its x: with
 * s = Σ x² + 10⁻⁶, and dx̂ and dŷ the gradients of the quotients,
 *
 * <pre>
 * dy = dŷ / √s
 * dx = (dx̂ − x (x·dx̂ + Σ_heads y·dŷ) / s) / √s
 * </pre>
 */
public final class PortableSharedLength {
    private PortableSharedLength() {}

    /**
     * The kernel: a vector of x to a thread, which {@link PortableDeltaSums} has gone back through its own length already.
     *
     * @param shape see {@link DeltaShape}
     * @param x [tokens, heads, K], as it was before it was divided
     * @param y [tokens, HV, K], likewise
     * @param rows of {@link PortableDeltaRows}
     * @param dX [tokens, heads, K]: what is there is added to
     * @param dY receives [tokens, HV, K]
     * @param section which of {@link DeltaGradient}'s is that of y
     * @param heads of x
     * @param vectors tokens · heads, for as many tokens as there is room for
     */
    public static void sharedLengthPortable(
            IntArray shape,
            FloatArray x,
            FloatArray y,
            FloatArray rows,
            FloatArray dX,
            FloatArray dY,
            int section,
            int heads,
            int vectors) {
        for (@Parallel int i = 0; i < vectors; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueHeads = shape.get(DeltaShape.VALUE_HEADS);
            int tokens = shape.get(DeltaShape.TOKENS);
            int head = i % heads;
            int t = i / heads;
            int users = valueHeads / heads;
            int firstUser = DeltaIndex.firstUser(shape, head, heads);
            int stride = DeltaIndex.userStride(shape, heads);
            int from = section * tokens * valueHeads * keyDim;
            if (t < tokens) {
                float factor = UnitRows.inverseLength(x, i * keyDim, keyDim);
                float along = 0.0f;
                for (int j = 0; j < users; j++) {
                    int at = (t * valueHeads + firstUser + j * stride) * keyDim;
                    for (int d = 0; d < keyDim; d++) {
                        float gradient = rows.get(from + at + d);
                        along += y.get(at + d) * gradient;
                        dY.set(at + d, gradient * factor);
                    }
                }
                float inward = along * factor * factor * factor;
                for (int d = 0; d < keyDim; d++) {
                    dX.set(i * keyDim + d, dX.get(i * keyDim + d) - x.get(i * keyDim + d) * inward);
                }
            }
        }
    }
}
