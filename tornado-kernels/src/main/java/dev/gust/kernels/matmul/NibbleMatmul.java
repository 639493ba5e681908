package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 4 bits, few rows of x: work-items keep their part of x in registers and go down the rows of W
 * with it.
 *
 * <p>A code's value is read from local memory, where every one of 32 neighbours has a copy of the table of its own: GPUs
 * have 32 banks, so no two work-items wait for each other, and finding the place takes one shift and one three-input
 * operation. Scales are multiplied with sums of 8 products, and the words of the next two rows are under way while two
 * rows are summed up.
 */
public final class NibbleMatmul {
    /** Codes to a word; K is a multiple of it. */
    public static final int CODES = 8;

    private NibbleMatmul() {}

    /**
     * The kernel, for any number of groups along x, which share the rows of W, and one along y for each row of x.
     * Arguments as in {@link PortableMatmul}, and
     *
     * @param grouped 0 if there is one scale for each row, or none; 1 if scales change along a row, after a whole number of
     *     words; 2 if besides the scales of every row begin with a word
     * @param scaleRows rows that share a scale, where {@code grouped}
     * @param groupSize work-items of a group, a power of two
     * @param rows rows of W that a group works on at a time: even, at most {@code groupSize}
     * @param apart 4 for a second table, whose entries lie 16 times as far apart, so that one shift serves two codes: 32 KiB;
     *     0 for one of 2 KiB
     */
    public static void matmulNibbles(
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
            int apart) {
        float[] values = context.allocateFloatLocalArray(512 << apart);
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] partial = context.allocateFloatLocalArray(rows * groupSize);
        int lane = context.localIdx;
        int bank = lane & 31;
        int mask = 0x1e0 << apart;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / CODES : 0;
        int span = 2 * groupSize;
        int step = (context.globalGroupSizeX / groupSize) * rows;
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        for (int i = lane; i < 16 * 32; i += groupSize) {
            float value = tables.get(Tables.CODES + (i >> 5));
            values[i] = value;
            values[((i & 0x1e0) << apart) | (i & 31)] = value;
        }
        for (int i = lane; i < 256; i += groupSize) {
            scaleValues[i] = tables.get(Tables.SCALES + i);
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
                    int from = vector * k + column0 * 8;
                    x0 = x.get(from);
                    x1 = x.get(from + 1);
                    x2 = x.get(from + 2);
                    x3 = x.get(from + 3);
                    x4 = x.get(from + 4);
                    x5 = x.get(from + 5);
                    x6 = x.get(from + 6);
                    x7 = x.get(from + 7);
                } else {
                    column0 = rowWords - 1;
                }
                if (column1 < rowWords) {
                    int from = vector * k + column1 * 8;
                    x8 = x.get(from);
                    x9 = x.get(from + 1);
                    x10 = x.get(from + 2);
                    x11 = x.get(from + 3);
                    x12 = x.get(from + 4);
                    x13 = x.get(from + 5);
                    x14 = x.get(from + 6);
                    x15 = x.get(from + 7);
                } else {
                    column1 = rowWords - 1;
                }
                int group0 = column0 * CODES / scaleColumns;
                int shift0 = (group0 & 3) << 3;
                int group1 = column1 * CODES / scaleColumns;
                int shift1 = (group1 & 3) << 3;
                int even = first * rowWords;
                int odd = (first + Math.min(1, last)) * rowWords;
                int a0 = words.get(even + column0);
                int a1 = words.get(even + column1);
                int b0 = words.get(odd + column0);
                int b1 = words.get(odd + column1);
                for (int r = 0; r <= last; r += 2) {
                    even = (first + Math.min(r + 2, last)) * rowWords;
                    odd = (first + Math.min(r + 3, last)) * rowWords;
                    int aNext0 = words.get(even + column0);
                    int aNext1 = words.get(even + column1);
                    int bNext0 = words.get(odd + column0);
                    int bNext1 = words.get(odd + column1);
                    float aPart0 = x0 * values[((a0 << 5) & 0x1e0) | bank]
                            + x1 * values[((a0 << (1 + apart)) & mask) | bank]
                            + x2 * values[((a0 >> 3) & 0x1e0) | bank]
                            + x3 * values[((a0 >> (7 - apart)) & mask) | bank]
                            + x4 * values[((a0 >> 11) & 0x1e0) | bank]
                            + x5 * values[((a0 >> (15 - apart)) & mask) | bank]
                            + x6 * values[((a0 >> 19) & 0x1e0) | bank]
                            + x7 * values[((a0 >> (23 - apart)) & mask) | bank];
                    float aPart1 = x8 * values[((a1 << 5) & 0x1e0) | bank]
                            + x9 * values[((a1 << (1 + apart)) & mask) | bank]
                            + x10 * values[((a1 >> 3) & 0x1e0) | bank]
                            + x11 * values[((a1 >> (7 - apart)) & mask) | bank]
                            + x12 * values[((a1 >> 11) & 0x1e0) | bank]
                            + x13 * values[((a1 >> (15 - apart)) & mask) | bank]
                            + x14 * values[((a1 >> 19) & 0x1e0) | bank]
                            + x15 * values[((a1 >> (23 - apart)) & mask) | bank];
                    float bPart0 = x0 * values[((b0 << 5) & 0x1e0) | bank]
                            + x1 * values[((b0 << (1 + apart)) & mask) | bank]
                            + x2 * values[((b0 >> 3) & 0x1e0) | bank]
                            + x3 * values[((b0 >> (7 - apart)) & mask) | bank]
                            + x4 * values[((b0 >> 11) & 0x1e0) | bank]
                            + x5 * values[((b0 >> (15 - apart)) & mask) | bank]
                            + x6 * values[((b0 >> 19) & 0x1e0) | bank]
                            + x7 * values[((b0 >> (23 - apart)) & mask) | bank];
                    float bPart1 = x8 * values[((b1 << 5) & 0x1e0) | bank]
                            + x9 * values[((b1 << (1 + apart)) & mask) | bank]
                            + x10 * values[((b1 >> 3) & 0x1e0) | bank]
                            + x11 * values[((b1 >> (7 - apart)) & mask) | bank]
                            + x12 * values[((b1 >> 11) & 0x1e0) | bank]
                            + x13 * values[((b1 >> (15 - apart)) & mask) | bank]
                            + x14 * values[((b1 >> 19) & 0x1e0) | bank]
                            + x15 * values[((b1 >> (23 - apart)) & mask) | bank];
                    if (grouped != 0) {
                        int aScales = ((first + r) / scaleRows) * scaleStride;
                        int bScales = ((first + Math.min(r + 1, last)) / scaleRows) * scaleStride;
                        if (scale == ScaleCode.FLOATS) {
                            aPart0 *= scales.get(aScales + group0);
                        } else if (grouped == 2) {
                            aPart0 *= scaleValues[(scaleWords.get(aScales / 4 + group0 / 4) >> shift0) & 0xff];
                        } else {
                            aPart0 *= scaleValues[WeightValues.byteAt(scaleWords, aScales + group0)];
                        }
                        if (scale == ScaleCode.FLOATS) {
                            aPart1 *= scales.get(aScales + group1);
                        } else if (grouped == 2) {
                            aPart1 *= scaleValues[(scaleWords.get(aScales / 4 + group1 / 4) >> shift1) & 0xff];
                        } else {
                            aPart1 *= scaleValues[WeightValues.byteAt(scaleWords, aScales + group1)];
                        }
                        if (scale == ScaleCode.FLOATS) {
                            bPart0 *= scales.get(bScales + group0);
                        } else if (grouped == 2) {
                            bPart0 *= scaleValues[(scaleWords.get(bScales / 4 + group0 / 4) >> shift0) & 0xff];
                        } else {
                            bPart0 *= scaleValues[WeightValues.byteAt(scaleWords, bScales + group0)];
                        }
                        if (scale == ScaleCode.FLOATS) {
                            bPart1 *= scales.get(bScales + group1);
                        } else if (grouped == 2) {
                            bPart1 *= scaleValues[(scaleWords.get(bScales / 4 + group1 / 4) >> shift1) & 0xff];
                        } else {
                            bPart1 *= scaleValues[WeightValues.byteAt(scaleWords, bScales + group1)];
                        }
                    }
                    partial[r * groupSize + lane] += aPart0 + aPart1;
                    partial[(r + 1) * groupSize + lane] += bPart0 + bPart1;
                    a0 = aNext0;
                    a1 = aNext1;
                    b0 = bNext0;
                    b1 = bNext1;
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
