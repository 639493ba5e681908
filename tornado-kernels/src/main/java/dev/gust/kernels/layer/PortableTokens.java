package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** What encoders do to rows of tokens around their matrices: sums of embeddings, activations, means. */
public final class PortableTokens {
    private PortableTokens() {}

    /**
     * y_t = Σ_j table[ids_tj].
     *
     * @param shape see {@link TokenShape}
     * @param ids [rows, tables] rows of the table
     * @param table [V, D]: all tables behind one another
     * @param y receives [rows, D]; zero behind the call's rows
     * @param width D
     * @param tables how many rows are added
     * @param capacity rows for which there is room
     */
    public static void embedPortable(
            IntArray shape, IntArray ids, FloatArray table, FloatArray y, int width, int tables, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int d = 0; d < width; d++) {
                int end = 0;
                if (row < shape.get(TokenShape.ROWS)) {
                    end = tables;
                }
                float sum = 0.0f;
                for (int j = 0; j < end; j++) {
                    sum += table.get(ids.get(row * tables + j) * width + d);
                }
                y.set(row * width + d, sum);
            }
        }
    }

    /**
     * y = act(x + bias).
     *
     * @param shape see {@link TokenShape}
     * @param x [rows, D]
     * @param bias [D]
     * @param y receives [rows, D]; zero behind the call's rows
     * @param width D
     * @param code of {@link ActivationCode}
     * @param capacity rows for which there is room
     */
    public static void activatePortable(
            IntArray shape, FloatArray x, FloatArray bias, FloatArray y, int width, int code, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            for (@Parallel int d = 0; d < width; d++) {
                float value = 0.0f;
                if (row < shape.get(TokenShape.ROWS)) {
                    value = ActivationCode.of(x.get(row * width + d) + bias.get(d), code);
                }
                y.set(row * width + d, value);
            }
        }
    }

    /**
     * The mean of each sequence's tokens; 0 for a sequence of none.
     *
     * @param bounds [capacity, 2] where sequences begin and end; equal behind the call's sequences
     * @param x [tokens, D]
     * @param y receives [capacity, D]
     * @param width D
     * @param capacity sequences for which there is room
     */
    public static void poolPortable(IntArray bounds, FloatArray x, FloatArray y, int width, int capacity) {
        for (@Parallel int n = 0; n < capacity; n++) {
            for (@Parallel int d = 0; d < width; d++) {
                y.set(n * width + d, meanOf(bounds, x, width, n, d));
            }
        }
    }

    /** One number of a mean. */
    static float meanOf(IntArray bounds, FloatArray x, int width, int n, int d) {
        int first = bounds.get(2 * n);
        int end = bounds.get(2 * n + 1);
        float sum = 0.0f;
        for (int t = first; t < end; t++) {
            sum += x.get(t * width + d);
        }
        float count = (float) (end - first);
        return end > first ? sum / count : 0.0f;
    }
}
