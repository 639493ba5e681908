package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 8 bits, few rows of x: as {@link NibbleMatmul}, with as many copies of the table as local memory
 * has room for.
 */
public final class ByteMatmul {
    /** Codes to a word; K is a multiple of it. */
    public static final int CODES = 4;

    private ByteMatmul() {}

    /**
     * The kernel; grid and arguments as in {@link NibbleMatmul#matmulNibbles}, and
     *
     * @param copyBits log2 of the copies of the table: 5 for one to a bank, which takes 32 KiB; at most 5
     */
    public static void matmulBytes(
            KernelContext context,
            IntArray words,
            IntArray scaleWords,
            FloatArray scales,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int scale,
            int grouped,
            int scaleRows,
            int groupSize,
            int rows,
            int copyBits) {
        float[] values = context.allocateFloatLocalArray(256 << copyBits);
        float[] partial = context.allocateFloatLocalArray(rows * groupSize);
        int lane = context.localIdx;
        int bank = lane & ((1 << copyBits) - 1);
        int mask = 255 << copyBits;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / CODES : 0;
        int span = 4 * groupSize;
        int step = (context.globalGroupSizeX / groupSize) * rows;
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        for (int i = lane; i < (256 << copyBits); i += groupSize) {
            values[i] = tables.get(Tables.CODES + (i >> copyBits));
        }
        context.localBarrier();
        for (int first = context.groupIdx * rows; first < n; first += step) {
            int last = Math.min(rows, n - first) - 1;
            for (int r = 0; r < rows; r++) {
                partial[r * groupSize + lane] = 0.0f;
            }
            for (int start = 0; start < rowWords; start += span) {
                int column0 = start + lane;
                int column1 = start + lane + groupSize;
                int column2 = start + lane + 2 * groupSize;
                int column3 = start + lane + 3 * groupSize;
                float x0 = 0.0f;
                float x1 = 0.0f;
                float x2 = 0.0f;
                float x3 = 0.0f;
                float x4 = 0.0f;
                float x5 = 0.0f;
                float x6 = 0.0f;
                float x7 = 0.0f;
                float x8 = 0.0f;
                float x9 = 0.0f;
                float x10 = 0.0f;
                float x11 = 0.0f;
                float x12 = 0.0f;
                float x13 = 0.0f;
                float x14 = 0.0f;
                float x15 = 0.0f;
                if (column0 < rowWords) {
                    int from = vector * k + column0 * 4;
                    x0 = x.get(from);
                    x1 = x.get(from + 1);
                    x2 = x.get(from + 2);
                    x3 = x.get(from + 3);
                } else {
                    column0 = rowWords - 1;
                }
                if (column1 < rowWords) {
                    int from = vector * k + column1 * 4;
                    x4 = x.get(from);
                    x5 = x.get(from + 1);
                    x6 = x.get(from + 2);
                    x7 = x.get(from + 3);
                } else {
                    column1 = rowWords - 1;
                }
                if (column2 < rowWords) {
                    int from = vector * k + column2 * 4;
                    x8 = x.get(from);
                    x9 = x.get(from + 1);
                    x10 = x.get(from + 2);
                    x11 = x.get(from + 3);
                } else {
                    column2 = rowWords - 1;
                }
                if (column3 < rowWords) {
                    int from = vector * k + column3 * 4;
                    x12 = x.get(from);
                    x13 = x.get(from + 1);
                    x14 = x.get(from + 2);
                    x15 = x.get(from + 3);
                } else {
                    column3 = rowWords - 1;
                }
                int group0 = column0 * CODES / scaleColumns;
                int group1 = column1 * CODES / scaleColumns;
                int group2 = column2 * CODES / scaleColumns;
                int group3 = column3 * CODES / scaleColumns;
                int even = first * rowWords;
                int odd = (first + Math.min(1, last)) * rowWords;
                int a0 = words.get(even + column0);
                int a1 = words.get(even + column1);
                int a2 = words.get(even + column2);
                int a3 = words.get(even + column3);
                int b0 = words.get(odd + column0);
                int b1 = words.get(odd + column1);
                int b2 = words.get(odd + column2);
                int b3 = words.get(odd + column3);
                for (int r = 0; r <= last; r += 2) {
                    even = (first + Math.min(r + 2, last)) * rowWords;
                    odd = (first + Math.min(r + 3, last)) * rowWords;
                    int aNext0 = words.get(even + column0);
                    int aNext1 = words.get(even + column1);
                    int aNext2 = words.get(even + column2);
                    int aNext3 = words.get(even + column3);
                    int bNext0 = words.get(odd + column0);
                    int bNext1 = words.get(odd + column1);
                    int bNext2 = words.get(odd + column2);
                    int bNext3 = words.get(odd + column3);
                    float aPart0 = x0 * values[((a0 << copyBits) & mask) | bank]
                            + x1 * values[((a0 >> (8 - copyBits)) & mask) | bank]
                            + x2 * values[((a0 >> (16 - copyBits)) & mask) | bank]
                            + x3 * values[((a0 >> (24 - copyBits)) & mask) | bank];
                    float aPart1 = x4 * values[((a1 << copyBits) & mask) | bank]
                            + x5 * values[((a1 >> (8 - copyBits)) & mask) | bank]
                            + x6 * values[((a1 >> (16 - copyBits)) & mask) | bank]
                            + x7 * values[((a1 >> (24 - copyBits)) & mask) | bank];
                    float aPart2 = x8 * values[((a2 << copyBits) & mask) | bank]
                            + x9 * values[((a2 >> (8 - copyBits)) & mask) | bank]
                            + x10 * values[((a2 >> (16 - copyBits)) & mask) | bank]
                            + x11 * values[((a2 >> (24 - copyBits)) & mask) | bank];
                    float aPart3 = x12 * values[((a3 << copyBits) & mask) | bank]
                            + x13 * values[((a3 >> (8 - copyBits)) & mask) | bank]
                            + x14 * values[((a3 >> (16 - copyBits)) & mask) | bank]
                            + x15 * values[((a3 >> (24 - copyBits)) & mask) | bank];
                    float bPart0 = x0 * values[((b0 << copyBits) & mask) | bank]
                            + x1 * values[((b0 >> (8 - copyBits)) & mask) | bank]
                            + x2 * values[((b0 >> (16 - copyBits)) & mask) | bank]
                            + x3 * values[((b0 >> (24 - copyBits)) & mask) | bank];
                    float bPart1 = x4 * values[((b1 << copyBits) & mask) | bank]
                            + x5 * values[((b1 >> (8 - copyBits)) & mask) | bank]
                            + x6 * values[((b1 >> (16 - copyBits)) & mask) | bank]
                            + x7 * values[((b1 >> (24 - copyBits)) & mask) | bank];
                    float bPart2 = x8 * values[((b2 << copyBits) & mask) | bank]
                            + x9 * values[((b2 >> (8 - copyBits)) & mask) | bank]
                            + x10 * values[((b2 >> (16 - copyBits)) & mask) | bank]
                            + x11 * values[((b2 >> (24 - copyBits)) & mask) | bank];
                    float bPart3 = x12 * values[((b3 << copyBits) & mask) | bank]
                            + x13 * values[((b3 >> (8 - copyBits)) & mask) | bank]
                            + x14 * values[((b3 >> (16 - copyBits)) & mask) | bank]
                            + x15 * values[((b3 >> (24 - copyBits)) & mask) | bank];
                    if (grouped != 0) {
                        int aScales = ((first + r) / scaleRows) * scaleStride;
                        int bScales = ((first + Math.min(r + 1, last)) / scaleRows) * scaleStride;
                        aPart0 *= WeightValues.scale(scaleWords, scales, tables, aScales + group0, scale);
                        aPart1 *= WeightValues.scale(scaleWords, scales, tables, aScales + group1, scale);
                        aPart2 *= WeightValues.scale(scaleWords, scales, tables, aScales + group2, scale);
                        aPart3 *= WeightValues.scale(scaleWords, scales, tables, aScales + group3, scale);
                        bPart0 *= WeightValues.scale(scaleWords, scales, tables, bScales + group0, scale);
                        bPart1 *= WeightValues.scale(scaleWords, scales, tables, bScales + group1, scale);
                        bPart2 *= WeightValues.scale(scaleWords, scales, tables, bScales + group2, scale);
                        bPart3 *= WeightValues.scale(scaleWords, scales, tables, bScales + group3, scale);
                    }
                    partial[r * groupSize + lane] += aPart0 + aPart1 + aPart2 + aPart3;
                    partial[(r + 1) * groupSize + lane] += bPart0 + bPart1 + bPart2 + bPart3;
                    a0 = aNext0;
                    a1 = aNext1;
                    a2 = aNext2;
                    a3 = aNext3;
                    b0 = bNext0;
                    b1 = bNext1;
                    b2 = bNext2;
                    b3 = bNext3;
                }
            }
            for (int stride = groupSize / 2; stride > 0; stride >>= 1) {
                context.localBarrier();
                for (int i = lane; i < rows * stride; i += groupSize) {
                    int at = (i / stride) * groupSize + i % stride;
                    partial[at] += partial[at + stride];
                }
            }
            context.localBarrier();
            if (lane <= last) {
                float value = partial[lane * groupSize] * tables.get(Tables.FACTOR);
                if (grouped == 0) {
                    int group = ((first + lane) / shape.get(MatmulShape.SCALE_ROWS)) * scaleStride;
                    value *= WeightValues.scale(scaleWords, scales, tables, group, scale);
                }
                y.set(vector * n + first + lane, value);
            }
            context.localBarrier();
        }
    }
}
