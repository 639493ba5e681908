package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 4 bits, one row of x: work-items keep their part of x in registers and go down the rows of W
 * with it. The words and scales of the next two rows are under way while one is summed up.
 *
 * <p>Two codes are restored by one place in local memory: entry b of the table holds the value of byte b's low nibble 16
 * times and then that of its high nibble 16 times. Half of 32 neighbours read the low nibble first while the others read
 * the high one, so that their reads fall on 32 banks and none waits for another; those have x in the order that fits.
 */
public final class NibbleMatmul {
    /** Codes that a work-item takes at once: K, and what scales change after along a row, are multiples of it. */
    public static final int RUN = 32;

    private NibbleMatmul() {}

    /**
     * The kernel, for any number of groups along x, each of which takes its share of the rows of W, and one along y for
     * each row of x. Arguments as in {@link PortableMatmul}, and
     *
     * @param grouped 0 if there is one scale for each row, or none; otherwise scales change along a row, and scales of
     *     one byte begin with a word in each row of them
     * @param scaleRows rows that share a scale, where {@code grouped}
     * @param groupSize work-items of a group, a power of two: 32 along x, for then the compiler does not know
     *     which bits a bank has, and masks and merges in one operation
     * @param rows rows of W that a group sums up at a time, a power of two, at most {@code groupSize}
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
            int rows) {
        float[] values = context.allocateFloatLocalArray(256 * 32);
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] partial = context.allocateFloatLocalArray(rows * (groupSize + 16));
        float[] sums = context.allocateFloatLocalArray(groupSize);
        int bank = context.localIdx;
        int lane = context.localIdy * 32 + bank;
        int half = bank >> 4;
        int sharers = groupSize / rows;
        int sum = lane / sharers;
        int part = lane % sharers;
        int width = groupSize + 16;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / 8 : 0;
        int groups = context.globalGroupSizeX / 32;
        int share = ((n + groups - 1) / groups + rows - 1) / rows * rows;
        int begin = context.groupIdx * share;
        int end = Math.min(n, begin + share);
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        for (int i = lane; i < 256 * 32; i += groupSize) {
            values[i] = tables.get(Tables.CODES + (((i >> 5) >> ((i & 16) >> 2)) & 15));
        }
        for (int i = lane; i < 256; i += groupSize) {
            scaleValues[i] = tables.get(Tables.SCALES + i);
        }
        context.localBarrier();
        for (int start = 0; start < rowWords; start += 4 * groupSize) {
            int column0 = start + 4 * lane;
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
            float x16 = 0.0f;
            float x17 = 0.0f;
            float x18 = 0.0f;
            float x19 = 0.0f;
            float x20 = 0.0f;
            float x21 = 0.0f;
            float x22 = 0.0f;
            float x23 = 0.0f;
            float x24 = 0.0f;
            float x25 = 0.0f;
            float x26 = 0.0f;
            float x27 = 0.0f;
            float x28 = 0.0f;
            float x29 = 0.0f;
            float x30 = 0.0f;
            float x31 = 0.0f;
            if (column0 < rowWords) {
                int even0 = vector * k + column0 * 8 + half;
                int odd0 = vector * k + column0 * 8 + 1 - half;
                x0 = x.get(even0);
                x1 = x.get(odd0);
                x2 = x.get(even0 + 2);
                x3 = x.get(odd0 + 2);
                x4 = x.get(even0 + 4);
                x5 = x.get(odd0 + 4);
                x6 = x.get(even0 + 6);
                x7 = x.get(odd0 + 6);
                x8 = x.get(even0 + 8);
                x9 = x.get(odd0 + 8);
                x10 = x.get(even0 + 10);
                x11 = x.get(odd0 + 10);
                x12 = x.get(even0 + 12);
                x13 = x.get(odd0 + 12);
                x14 = x.get(even0 + 14);
                x15 = x.get(odd0 + 14);
                x16 = x.get(even0 + 16);
                x17 = x.get(odd0 + 16);
                x18 = x.get(even0 + 18);
                x19 = x.get(odd0 + 18);
                x20 = x.get(even0 + 20);
                x21 = x.get(odd0 + 20);
                x22 = x.get(even0 + 22);
                x23 = x.get(odd0 + 22);
                x24 = x.get(even0 + 24);
                x25 = x.get(odd0 + 24);
                x26 = x.get(even0 + 26);
                x27 = x.get(odd0 + 26);
                x28 = x.get(even0 + 28);
                x29 = x.get(odd0 + 28);
                x30 = x.get(even0 + 30);
                x31 = x.get(odd0 + 30);
            } else {
                column0 = rowWords - 4;
            }
            int group0 = column0 * 8 / scaleColumns;
            int group1 = (column0 * 8 + 16) / scaleColumns;
            int shift0 = (group0 & 3) << 3;
            int shift1 = (group1 & 3) << 3;
            if (begin < end) {
                int aScale0 = 0;
                float aFactor0 = 0.0f;
                int bScale0 = 0;
                float bFactor0 = 0.0f;
                int aNextScale0 = 0;
                float aNextFactor0 = 0.0f;
                int bNextScale0 = 0;
                float bNextFactor0 = 0.0f;
                int aAt0 = begin * rowWords + column0;
                int a0 = words.get(aAt0);
                int a1 = words.get(aAt0 + 1);
                int a2 = words.get(aAt0 + 2);
                int a3 = words.get(aAt0 + 3);
                if (grouped != 0) {
                    int aScales = begin / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        aFactor0 = scales.get(aScales + group0);
                    } else {
                        aScale0 = scaleWords.get(aScales / 4 + group0 / 4);
                    }
                }
                int bAt0 = Math.min(begin + 1, end - 1) * rowWords + column0;
                int b0 = words.get(bAt0);
                int b1 = words.get(bAt0 + 1);
                int b2 = words.get(bAt0 + 2);
                int b3 = words.get(bAt0 + 3);
                if (grouped != 0) {
                    int bScales = Math.min(begin + 1, end - 1) / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        bFactor0 = scales.get(bScales + group0);
                    } else {
                        bScale0 = scaleWords.get(bScales / 4 + group0 / 4);
                    }
                }
                for (int first = begin; first < end; first += rows) {
                    for (int r = 0; r < rows; r += 2) {
                        int aNextRow = Math.min(first + r + 2, end - 1);
                        int aNextAt0 = aNextRow * rowWords + column0;
                        int aNext0 = words.get(aNextAt0);
                        int aNext1 = words.get(aNextAt0 + 1);
                        int aNext2 = words.get(aNextAt0 + 2);
                        int aNext3 = words.get(aNextAt0 + 3);
                        if (grouped != 0) {
                            int aNextScales = aNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                aNextFactor0 = scales.get(aNextScales + group0);
                            } else {
                                aNextScale0 = scaleWords.get(aNextScales / 4 + group0 / 4);
                            }
                        }
                        int bNextRow = Math.min(first + r + 3, end - 1);
                        int bNextAt0 = bNextRow * rowWords + column0;
                        int bNext0 = words.get(bNextAt0);
                        int bNext1 = words.get(bNextAt0 + 1);
                        int bNext2 = words.get(bNextAt0 + 2);
                        int bNext3 = words.get(bNextAt0 + 3);
                        if (grouped != 0) {
                            int bNextScales = bNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                bNextFactor0 = scales.get(bNextScales + group0);
                            } else {
                                bNextScale0 = scaleWords.get(bNextScales / 4 + group0 / 4);
                            }
                        }
                        float aSum0 = x0 * values[((a0 << 5) & 0x1fe0) | bank]
                                + x1 * values[(((a0 << 5) & 0x1fe0) | bank) ^ 16]
                                + x2 * values[((a0 >> 3) & 0x1fe0) | bank]
                                + x3 * values[(((a0 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x4 * values[((a0 >> 11) & 0x1fe0) | bank]
                                + x5 * values[(((a0 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x6 * values[((a0 >> 19) & 0x1fe0) | bank]
                                + x7 * values[(((a0 >> 19) & 0x1fe0) | bank) ^ 16]
                                + x8 * values[((a1 << 5) & 0x1fe0) | bank]
                                + x9 * values[(((a1 << 5) & 0x1fe0) | bank) ^ 16]
                                + x10 * values[((a1 >> 3) & 0x1fe0) | bank]
                                + x11 * values[(((a1 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x12 * values[((a1 >> 11) & 0x1fe0) | bank]
                                + x13 * values[(((a1 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x14 * values[((a1 >> 19) & 0x1fe0) | bank]
                                + x15 * values[(((a1 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aSum1 = x16 * values[((a2 << 5) & 0x1fe0) | bank]
                                + x17 * values[(((a2 << 5) & 0x1fe0) | bank) ^ 16]
                                + x18 * values[((a2 >> 3) & 0x1fe0) | bank]
                                + x19 * values[(((a2 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x20 * values[((a2 >> 11) & 0x1fe0) | bank]
                                + x21 * values[(((a2 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x22 * values[((a2 >> 19) & 0x1fe0) | bank]
                                + x23 * values[(((a2 >> 19) & 0x1fe0) | bank) ^ 16]
                                + x24 * values[((a3 << 5) & 0x1fe0) | bank]
                                + x25 * values[(((a3 << 5) & 0x1fe0) | bank) ^ 16]
                                + x26 * values[((a3 >> 3) & 0x1fe0) | bank]
                                + x27 * values[(((a3 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x28 * values[((a3 >> 11) & 0x1fe0) | bank]
                                + x29 * values[(((a3 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x30 * values[((a3 >> 19) & 0x1fe0) | bank]
                                + x31 * values[(((a3 >> 19) & 0x1fe0) | bank) ^ 16];
                        if (grouped != 0) {
                            if (scale == ScaleCode.FLOATS) {
                                aSum0 *= aFactor0;
                                aSum1 *= aFactor0;
                            } else {
                                aSum0 *= scaleValues[(aScale0 >> shift0) & 0xff];
                                aSum1 *= scaleValues[(aScale0 >> shift1) & 0xff];
                            }
                        }
                        partial[r * width + lane] = aSum0 + aSum1;
                        float bSum0 = x0 * values[((b0 << 5) & 0x1fe0) | bank]
                                + x1 * values[(((b0 << 5) & 0x1fe0) | bank) ^ 16]
                                + x2 * values[((b0 >> 3) & 0x1fe0) | bank]
                                + x3 * values[(((b0 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x4 * values[((b0 >> 11) & 0x1fe0) | bank]
                                + x5 * values[(((b0 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x6 * values[((b0 >> 19) & 0x1fe0) | bank]
                                + x7 * values[(((b0 >> 19) & 0x1fe0) | bank) ^ 16]
                                + x8 * values[((b1 << 5) & 0x1fe0) | bank]
                                + x9 * values[(((b1 << 5) & 0x1fe0) | bank) ^ 16]
                                + x10 * values[((b1 >> 3) & 0x1fe0) | bank]
                                + x11 * values[(((b1 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x12 * values[((b1 >> 11) & 0x1fe0) | bank]
                                + x13 * values[(((b1 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x14 * values[((b1 >> 19) & 0x1fe0) | bank]
                                + x15 * values[(((b1 >> 19) & 0x1fe0) | bank) ^ 16];
                        float bSum1 = x16 * values[((b2 << 5) & 0x1fe0) | bank]
                                + x17 * values[(((b2 << 5) & 0x1fe0) | bank) ^ 16]
                                + x18 * values[((b2 >> 3) & 0x1fe0) | bank]
                                + x19 * values[(((b2 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x20 * values[((b2 >> 11) & 0x1fe0) | bank]
                                + x21 * values[(((b2 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x22 * values[((b2 >> 19) & 0x1fe0) | bank]
                                + x23 * values[(((b2 >> 19) & 0x1fe0) | bank) ^ 16]
                                + x24 * values[((b3 << 5) & 0x1fe0) | bank]
                                + x25 * values[(((b3 << 5) & 0x1fe0) | bank) ^ 16]
                                + x26 * values[((b3 >> 3) & 0x1fe0) | bank]
                                + x27 * values[(((b3 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x28 * values[((b3 >> 11) & 0x1fe0) | bank]
                                + x29 * values[(((b3 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x30 * values[((b3 >> 19) & 0x1fe0) | bank]
                                + x31 * values[(((b3 >> 19) & 0x1fe0) | bank) ^ 16];
                        if (grouped != 0) {
                            if (scale == ScaleCode.FLOATS) {
                                bSum0 *= bFactor0;
                                bSum1 *= bFactor0;
                            } else {
                                bSum0 *= scaleValues[(bScale0 >> shift0) & 0xff];
                                bSum1 *= scaleValues[(bScale0 >> shift1) & 0xff];
                            }
                        }
                        partial[(r + 1) * width + lane] = bSum0 + bSum1;
                        a0 = aNext0;
                        a1 = aNext1;
                        a2 = aNext2;
                        a3 = aNext3;
                        aScale0 = aNextScale0;
                        aFactor0 = aNextFactor0;
                        b0 = bNext0;
                        b1 = bNext1;
                        b2 = bNext2;
                        b3 = bNext3;
                        bScale0 = bNextScale0;
                        bFactor0 = bNextFactor0;
                    }
                    context.localBarrier();
                    float some = 0.0f;
                    for (int i = 0; i < rows; i++) {
                        some += partial[sum * width + part + i * sharers];
                    }
                    sums[part * rows + sum] = some;
                    context.localBarrier();
                    if (lane < rows && first + lane < end) {
                        int row = first + lane;
                        int to = vector * n + row;
                        float value = 0.0f;
                        for (int i = 0; i < sharers; i++) {
                            value += sums[i * rows + lane];
                        }
                        value *= tables.get(Tables.FACTOR);
                        if (grouped == 0) {
                            int group = (row / shape.get(MatmulShape.SCALE_ROWS)) * scaleStride;
                            value *= WeightValues.scale(scaleWords, scales, tables, group, scale);
                        }
                        if (start > 0) {
                            value += y.get(to);
                        }
                        y.set(to, value);
                    }
                }
            }
        }
    }
}
