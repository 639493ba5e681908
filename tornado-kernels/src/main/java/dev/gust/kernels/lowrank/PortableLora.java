package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Low-rank products with factors of each token's own, on any device. */
public final class PortableLora {
    private PortableLora() {}

    /**
     * h = B_adapter · x; one number of h to a thread.
     *
     * @param words all adapters' B, one below the other, [all ranks, INPUTS], padded to whole words and one more; one word
     *     if they are float32
     * @param floats the same as float32; otherwise one float
     * @param tables see {@link dev.gust.kernels.matmul.Tables}
     * @param shape see {@link LoraShape}
     * @param ids [capacity], each token's adapter; −1 for none
     * @param x [capacity, INPUTS]
     * @param h [capacity, RANK], all of it written: with zeros beyond the adapter's rank and past TOKENS
     * @param code F32, F16 or BF16 of {@link dev.gust.kernels.matmul.WeightCode}
     * @param rank RANK
     * @param capacity tokens for which there is room
     */
    public static void downPortable(
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            IntArray ids,
            FloatArray x,
            FloatArray h,
            int code,
            int rank,
            int capacity) {
        for (@Parallel int k = 0; k < rank; k++) {
            for (@Parallel int token = 0; token < capacity; token++) {
                int n = shape.get(LoraShape.INPUTS);
                int id = token < shape.get(LoraShape.TOKENS) ? ids.get(token) : -1;
                int row = shape.get(LoraShape.STARTS + Math.max(id, 0)) + k;
                int stop = id >= 0 && row < shape.get(LoraShape.STARTS + id + 1) ? n : 0;
                float sum = 0.0f;
                for (int j = 0; j < stop; j++) {
                    sum += WeightValues.stored(words, floats, tables, row * n + j, code) * x.get(token * n + j);
                }
                h.set(token * rank + k, sum);
            }
        }
    }

    /**
     * y = base + scale · A_adapter · h; one number of y to a thread, so that neighbours read neighbouring numbers.
     *
     * @param words all adapters' transposed A, one below the other, [all ranks, COLUMNS]; one word if they are float32
     * @param floats the same as float32; otherwise one float
     * @param scales each adapter's scale
     * @param h as {@link #downPortable} left it
     * @param base [capacity, COLUMNS]; one float if there is none
     * @param y [capacity, COLUMNS], all of it written
     * @param adds whether there is a base: 1 or 0
     * @param columns COLUMNS
     */
    public static void upPortable(
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            IntArray ids,
            FloatArray scales,
            FloatArray h,
            FloatArray base,
            FloatArray y,
            int code,
            int adds,
            int columns,
            int capacity) {
        int numbers = columns * capacity;
        for (@Parallel int place = 0; place < numbers; place++) {
            int token = place / columns;
            int column = place % columns;
            int id = token < shape.get(LoraShape.TOKENS) ? ids.get(token) : -1;
            int start = shape.get(LoraShape.STARTS + Math.max(id, 0));
            int rank = id >= 0 ? shape.get(LoraShape.STARTS + id + 1) - start : 0;
            int from = token * shape.get(LoraShape.RANK);
            float sum = 0.0f;
            for (int k = 0; k < rank; k++) {
                sum += h.get(from + k)
                        * WeightValues.stored(words, floats, tables, (start + k) * columns + column, code);
            }
            float value = sum * scales.get(Math.max(id, 0));
            if (adds == 1) {
                value += base.get(place);
            }
            y.set(place, value);
        }
    }
}
