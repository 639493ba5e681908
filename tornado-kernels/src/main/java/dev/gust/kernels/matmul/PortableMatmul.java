package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for x [M, K] and a packed weight W [N, K], on any device: one element of y to a thread, summed in float32
 * from k = 0 upwards. Run as plain Java it is what other ways of running are compared with.
 */
public final class PortableMatmul {
    private PortableMatmul() {}

    /**
     * The kernel.
     *
     * @param words the packed weight, padded to whole words and one more; one word if the weight is float32
     * @param floats the weight as float32; otherwise one float
     * @param scaleWords scales of one byte, padded to whole words; otherwise one word
     * @param scales float32 scales; otherwise one float
     * @param tables see {@link Tables}
     * @param shape see {@link MatmulShape}
     * @param x [capacity, K], of which M rows are read
     * @param y [capacity, N], all of it written: rows past M with zeros
     * @param code one of {@link WeightCode}
     * @param scale one of {@link ScaleCode}
     * @param n N
     * @param capacity rows for which x and y have room
     */
    public static void matmulPortable(
            IntArray words,
            FloatArray floats,
            IntArray scaleWords,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int code,
            int scale,
            int n,
            int capacity) {
        for (@Parallel int row = 0; row < n; row++) {
            for (@Parallel int i = 0; i < capacity; i++) {
                int m = shape.get(MatmulShape.M);
                int k = shape.get(MatmulShape.K);
                int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
                int scaleRow = (row / shape.get(MatmulShape.SCALE_ROWS)) * shape.get(MatmulShape.SCALE_GRID_COLUMNS);
                float sum = 0.0f;
                if (i < m) {
                    int group = 0;
                    for (int first = 0; first < k; first += scaleColumns) {
                        int end = first + scaleColumns;
                        if (end > k) {
                            end = k;
                        }
                        float part = 0.0f;
                        for (int column = first; column < end; column++) {
                            float value;
                            if (code < WeightCode.FIRST_BLOCK) {
                                value = WeightValues.stored(words, floats, tables, row * k + column, code);
                            } else if (code < WeightCode.FIRST_SUPER_BLOCK) {
                                value = BlockValues.inBlock(words, tables, row * k + column, code);
                            } else {
                                value = BlockValues.inSuperBlock(words, tables, row * k + column, code);
                            }
                            part += x.get(i * k + column) * value;
                        }
                        sum += part * WeightValues.scale(scaleWords, scales, tables, scaleRow + group, scale);
                        group++;
                    }
                }
                y.set(i * n + row, sum * tables.get(Tables.FACTOR));
            }
        }
    }
}
