package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Products that read chosen rows of a matrix only, on any device: channels j of a token with |x_j · scale_j| &gt; threshold
 * are active, the others are not, and a sum goes over the one or the other kind.
 */
public final class PortableSparse {
    private PortableSparse() {}

    /**
     * Lists the active channels of each token, ascending, and behind them the others, descending; a token to a thread.
     *
     * @param shape see {@link SparseShape}
     * @param x [capacity, INPUTS]
     * @param scale [INPUTS] and the threshold behind them
     * @param index [capacity, INPUTS], receives the channels
     * @param counts [capacity], receives how many are active; 0 for tokens not in use
     * @param capacity tokens for which there is room
     */
    public static void selectPortable(
            IntArray shape, FloatArray x, FloatArray scale, IntArray index, IntArray counts, int capacity) {
        for (@Parallel int token = 0; token < capacity; token++) {
            int n = shape.get(SparseShape.INPUTS);
            int first = token * n;
            int front = first;
            int back = first + n;
            float threshold = scale.get(n);
            for (int j = 0; j < n; j++) {
                float value = token < shape.get(SparseShape.TOKENS) ? x.get(first + j) * scale.get(j) : 0.0f;
                if (TornadoMath.abs(value) > threshold) {
                    index.set(front, j);
                    front++;
                } else {
                    back--;
                    index.set(back, j);
                }
            }
            counts.set(token, front - first);
        }
    }

    /**
     * y = Σ x_j · row_j over the active channels and Σ h_k · row_(INPUTS + k), or over the others alone; one number of y to a
     * thread.
     *
     * @param words the matrix [INPUTS + RANK, COLUMNS], padded to whole words and one more; one word if it is float32
     * @param floats the matrix as float32; otherwise one float
     * @param tables see {@link dev.gust.kernels.matmul.Tables}
     * @param shape see {@link SparseShape}
     * @param index as {@link #selectPortable} left it
     * @param counts as {@link #selectPortable} left them
     * @param x [capacity, INPUTS]
     * @param h [capacity, RANK]; one float if RANK is 0
     * @param y [capacity, COLUMNS], all of it written: rows past TOKENS with zeros
     * @param code F32, F16 or BF16 of {@link dev.gust.kernels.matmul.WeightCode}
     * @param active 1 for the active channels, 0 for the others
     * @param columns COLUMNS
     * @param capacity tokens for which there is room
     */
    public static void rowsPortable(
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            IntArray index,
            IntArray counts,
            FloatArray x,
            FloatArray h,
            FloatArray y,
            int code,
            int active,
            int columns,
            int capacity) {
        for (@Parallel int column = 0; column < columns; column++) {
            for (@Parallel int token = 0; token < capacity; token++) {
                int n = shape.get(SparseShape.INPUTS);
                int rank = shape.get(SparseShape.RANK);
                int count = counts.get(token);
                int from = active == 1 ? 0 : count;
                int end = active == 1 ? count : n;
                if (token >= shape.get(SparseShape.TOKENS)) {
                    end = from;
                    rank = 0;
                }
                float sum = 0.0f;
                for (int i = from; i < end; i++) {
                    int j = index.get(token * n + i);
                    sum += x.get(token * n + j)
                            * WeightValues.stored(words, floats, tables, j * columns + column, code);
                }
                for (int k = 0; k < rank; k++) {
                    sum += h.get(token * rank + k)
                            * WeightValues.stored(words, floats, tables, (n + k) * columns + column, code);
                }
                y.set(token * columns + column, sum);
            }
        }
    }
}
