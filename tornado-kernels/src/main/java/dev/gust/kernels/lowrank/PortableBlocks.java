package dev.gust.kernels.lowrank;

import dev.gust.kernels.matmul.Tables;
import dev.gust.kernels.matmul.WeightValues;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The product by a block-diagonal matrix and a transposition behind it, and sums, on any device. */
public final class PortableBlocks {
    private PortableBlocks() {}

    /**
     * One number of y to a thread, summed from the first column on.
     *
     * @param words the blocks [ROWS, COLUMNS], padded to whole words and one more; one word if they are float32
     * @param floats the blocks as float32; otherwise one float
     * @param tables see {@link Tables}
     * @param shape see {@link BlockShape}
     * @param x [capacity, INPUTS], of which TOKENS rows are read
     * @param y [capacity, ROWS], all of it written: rows past TOKENS with zeros
     * @param code F32, F16 or BF16 of {@link dev.gust.kernels.matmul.WeightCode}
     * @param rows ROWS
     * @param capacity tokens for which x and y have room
     */
    public static void blocksPortable(
            IntArray words,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int code,
            int rows,
            int capacity) {
        for (@Parallel int row = 0; row < rows; row++) {
            for (@Parallel int token = 0; token < capacity; token++) {
                int columns = token < shape.get(BlockShape.TOKENS) ? shape.get(BlockShape.COLUMNS) : 0;
                int at = row * shape.get(BlockShape.COLUMNS);
                int from = token * shape.get(BlockShape.INPUTS)
                        + (row / shape.get(BlockShape.BLOCK_ROWS)) * shape.get(BlockShape.COLUMNS);
                float sum = 0.0f;
                for (int j = 0; j < columns; j++) {
                    sum += WeightValues.stored(words, floats, tables, at + j, code) * x.get(from + j);
                }
                int turn = shape.get(BlockShape.TURN);
                int place = (row % turn) * shape.get(BlockShape.STEP) + row / turn;
                y.set(token * rows + place, sum * tables.get(Tables.FACTOR));
            }
        }
    }

    /** y = a + b, element by element. */
    public static void sumPortable(FloatArray a, FloatArray b, FloatArray y, int count) {
        for (@Parallel int i = 0; i < count; i++) {
            y.set(i, a.get(i) + b.get(i));
        }
    }
}
