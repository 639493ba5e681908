package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x / √(Σ x² + 10⁻⁶) for rows of K: what rules do to q and k, with flash-linear-attention's epsilon. Where a rule makes one
 * key of another before that, x is the key that was made and the sum goes over the other.
 */
public final class UnitRows {
    /** Under the root; keeps rows of zeros at zero. */
    public static final float EPSILON = 1e-6f;

    private UnitRows() {}

    /**
     * The kernel: a row to a thread.
     *
     * @param shape see {@link DeltaShape}
     * @param x [rows, K]
     * @param y receives [rows, K]
     */
    public static void unitRowsPortable(IntArray shape, FloatArray x, FloatArray y, int rows) {
        for (@Parallel int i = 0; i < rows; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            float factor = inverseLength(x, i * keyDim, keyDim);
            for (int d = 0; d < keyDim; d++) {
                y.set(i * keyDim + d, x.get(i * keyDim + d) * factor);
            }
        }
    }

    /**
     * Divides rows of value heads by the lengths of others, those of the head that each uses: a row to a thread.
     *
     * @param shape see {@link DeltaShape}
     * @param x [tokens, HV, K]
     * @param by [tokens, heads, K]
     * @param y receives [tokens, HV, K]
     * @param heads of {@code by}
     * @param rows tokens · HV
     */
    public static void unitRowsByPortable(
            IntArray shape, FloatArray x, FloatArray by, FloatArray y, int heads, int rows) {
        for (@Parallel int i = 0; i < rows; i++) {
            int keyDim = shape.get(DeltaShape.KEY_DIM);
            int valueHeads = shape.get(DeltaShape.VALUE_HEADS);
            int at = (i / valueHeads * heads + DeltaIndex.head(shape, i % valueHeads, heads)) * keyDim;
            float factor = inverseLength(by, at, keyDim);
            for (int d = 0; d < keyDim; d++) {
                y.set(i * keyDim + d, x.get(i * keyDim + d) * factor);
            }
        }
    }

    /** One over the length of the row that begins at {@code at}. */
    static float inverseLength(FloatArray x, int at, int keyDim) {
        float squares = 0.0f;
        for (int d = 0; d < keyDim; d++) {
            float value = x.get(at + d);
            squares += value * value;
        }
        return 1.0f / TornadoMath.sqrt(squares + EPSILON);
    }
}
