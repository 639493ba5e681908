package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 4 bits, one row of x: work-items keep their part of x in registers and go down the rows of W with
 * it, two at a time, while the words and scales of the next two are under way. Neighbours read neighbouring words.
 *
 * <p>Two codes are restored by one place in local memory: entry b of the table holds the value of byte b's low nibble 16
 * times and then that of its high nibble 16 times. Half of 32 neighbours read the low nibble first while the others read
 * the high one, so that their reads fall on 32 banks and none waits for another; those have x in the order that fits.
 */
public final class NibbleMatmul {
    /** Codes of a word: K, and what scales change after along a row, are multiples of it. */
    public static final int CODES = 8;

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
     * @param rows rows of W that a group sums up at a time, a power of two, at least 2 and at most {@code groupSize}
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
        int rowWords = vector < shape.get(MatmulShape.M) ? k / CODES : 0;
        int groups = context.globalGroupSizeX / 32;
        int least = n / groups;
        int larger = n - least * groups;
        int begin = context.groupIdx * least + Math.min(context.groupIdx, larger);
        int end = begin + least + (context.groupIdx < larger ? 1 : 0);
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        for (int code = lane; code < 256; code += groupSize) {
            float low = tables.get(Tables.CODES + (code & 15));
            float high = tables.get(Tables.CODES + (code >> 4));
            for (int i = 0; i < 32; i++) {
                int at = (i + bank) & 31;
                values[code * 32 + at] = at < 16 ? low : high;
            }
            scaleValues[code] = tables.get(Tables.SCALES + code);
        }
        context.localBarrier();
        for (int start = 0; start < rowWords; start += 4 * groupSize) {
            int column0 = start + lane;
            int column1 = start + groupSize + lane;
            int column2 = start + 2 * groupSize + lane;
            int column3 = start + 3 * groupSize + lane;
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
                int even0 = vector * k + column0 * CODES + half;
                int odd0 = vector * k + column0 * CODES + 1 - half;
                x0 = x.get(even0);
                x1 = x.get(odd0);
                x2 = x.get(even0 + 2);
                x3 = x.get(odd0 + 2);
                x4 = x.get(even0 + 4);
                x5 = x.get(odd0 + 4);
                x6 = x.get(even0 + 6);
                x7 = x.get(odd0 + 6);
            } else {
                column0 = rowWords - 1;
            }
            if (column1 < rowWords) {
                int even1 = vector * k + column1 * CODES + half;
                int odd1 = vector * k + column1 * CODES + 1 - half;
                x8 = x.get(even1);
                x9 = x.get(odd1);
                x10 = x.get(even1 + 2);
                x11 = x.get(odd1 + 2);
                x12 = x.get(even1 + 4);
                x13 = x.get(odd1 + 4);
                x14 = x.get(even1 + 6);
                x15 = x.get(odd1 + 6);
            } else {
                column1 = rowWords - 1;
            }
            if (column2 < rowWords) {
                int even2 = vector * k + column2 * CODES + half;
                int odd2 = vector * k + column2 * CODES + 1 - half;
                x16 = x.get(even2);
                x17 = x.get(odd2);
                x18 = x.get(even2 + 2);
                x19 = x.get(odd2 + 2);
                x20 = x.get(even2 + 4);
                x21 = x.get(odd2 + 4);
                x22 = x.get(even2 + 6);
                x23 = x.get(odd2 + 6);
            } else {
                column2 = rowWords - 1;
            }
            if (column3 < rowWords) {
                int even3 = vector * k + column3 * CODES + half;
                int odd3 = vector * k + column3 * CODES + 1 - half;
                x24 = x.get(even3);
                x25 = x.get(odd3);
                x26 = x.get(even3 + 2);
                x27 = x.get(odd3 + 2);
                x28 = x.get(even3 + 4);
                x29 = x.get(odd3 + 4);
                x30 = x.get(even3 + 6);
                x31 = x.get(odd3 + 6);
            } else {
                column3 = rowWords - 1;
            }
            int group0 = column0 * CODES / scaleColumns;
            int group1 = column1 * CODES / scaleColumns;
            int group2 = column2 * CODES / scaleColumns;
            int group3 = column3 * CODES / scaleColumns;
            int shift0 = (group0 & 3) << 3;
            int shift1 = (group1 & 3) << 3;
            int shift2 = (group2 & 3) << 3;
            int shift3 = (group3 & 3) << 3;
            if (begin < end) {
                int aScale0 = 0;
                float aFactor0 = 0.0f;
                int aScale1 = 0;
                float aFactor1 = 0.0f;
                int aScale2 = 0;
                float aFactor2 = 0.0f;
                int aScale3 = 0;
                float aFactor3 = 0.0f;
                int aNextScale0 = 0;
                float aNextFactor0 = 0.0f;
                int aNextScale1 = 0;
                float aNextFactor1 = 0.0f;
                int aNextScale2 = 0;
                float aNextFactor2 = 0.0f;
                int aNextScale3 = 0;
                float aNextFactor3 = 0.0f;
                int bScale0 = 0;
                float bFactor0 = 0.0f;
                int bScale1 = 0;
                float bFactor1 = 0.0f;
                int bScale2 = 0;
                float bFactor2 = 0.0f;
                int bScale3 = 0;
                float bFactor3 = 0.0f;
                int bNextScale0 = 0;
                float bNextFactor0 = 0.0f;
                int bNextScale1 = 0;
                float bNextFactor1 = 0.0f;
                int bNextScale2 = 0;
                float bNextFactor2 = 0.0f;
                int bNextScale3 = 0;
                float bNextFactor3 = 0.0f;
                int aRow = begin;
                int aAt = aRow * rowWords;
                int a0 = words.get(aAt + column0);
                int a1 = words.get(aAt + column1);
                int a2 = words.get(aAt + column2);
                int a3 = words.get(aAt + column3);
                if (grouped != 0) {
                    int aScales = aRow / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        aFactor0 = scales.get(aScales + group0);
                        aFactor1 = scales.get(aScales + group1);
                        aFactor2 = scales.get(aScales + group2);
                        aFactor3 = scales.get(aScales + group3);
                    } else {
                        aScale0 = scaleWords.get(aScales / 4 + group0 / 4);
                        aScale1 = scaleWords.get(aScales / 4 + group1 / 4);
                        aScale2 = scaleWords.get(aScales / 4 + group2 / 4);
                        aScale3 = scaleWords.get(aScales / 4 + group3 / 4);
                    }
                }
                int bRow = Math.min(begin + 1, end - 1);
                int bAt = bRow * rowWords;
                int b0 = words.get(bAt + column0);
                int b1 = words.get(bAt + column1);
                int b2 = words.get(bAt + column2);
                int b3 = words.get(bAt + column3);
                if (grouped != 0) {
                    int bScales = bRow / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        bFactor0 = scales.get(bScales + group0);
                        bFactor1 = scales.get(bScales + group1);
                        bFactor2 = scales.get(bScales + group2);
                        bFactor3 = scales.get(bScales + group3);
                    } else {
                        bScale0 = scaleWords.get(bScales / 4 + group0 / 4);
                        bScale1 = scaleWords.get(bScales / 4 + group1 / 4);
                        bScale2 = scaleWords.get(bScales / 4 + group2 / 4);
                        bScale3 = scaleWords.get(bScales / 4 + group3 / 4);
                    }
                }
                for (int first = begin; first < end; first += rows) {
                    int most = Math.min(rows, end - first);
                    for (int r = 0; r < most; r += 2) {
                        int aNextRow = Math.min(first + r + 2, end - 1);
                        int aNextAt = aNextRow * rowWords;
                        int aNext0 = words.get(aNextAt + column0);
                        int aNext1 = words.get(aNextAt + column1);
                        int aNext2 = words.get(aNextAt + column2);
                        int aNext3 = words.get(aNextAt + column3);
                        if (grouped != 0) {
                            int aNextScales = aNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                aNextFactor0 = scales.get(aNextScales + group0);
                                aNextFactor1 = scales.get(aNextScales + group1);
                                aNextFactor2 = scales.get(aNextScales + group2);
                                aNextFactor3 = scales.get(aNextScales + group3);
                            } else {
                                aNextScale0 = scaleWords.get(aNextScales / 4 + group0 / 4);
                                aNextScale1 = scaleWords.get(aNextScales / 4 + group1 / 4);
                                aNextScale2 = scaleWords.get(aNextScales / 4 + group2 / 4);
                                aNextScale3 = scaleWords.get(aNextScales / 4 + group3 / 4);
                            }
                        }
                        int bNextRow = Math.min(first + r + 3, end - 1);
                        int bNextAt = bNextRow * rowWords;
                        int bNext0 = words.get(bNextAt + column0);
                        int bNext1 = words.get(bNextAt + column1);
                        int bNext2 = words.get(bNextAt + column2);
                        int bNext3 = words.get(bNextAt + column3);
                        if (grouped != 0) {
                            int bNextScales = bNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                bNextFactor0 = scales.get(bNextScales + group0);
                                bNextFactor1 = scales.get(bNextScales + group1);
                                bNextFactor2 = scales.get(bNextScales + group2);
                                bNextFactor3 = scales.get(bNextScales + group3);
                            } else {
                                bNextScale0 = scaleWords.get(bNextScales / 4 + group0 / 4);
                                bNextScale1 = scaleWords.get(bNextScales / 4 + group1 / 4);
                                bNextScale2 = scaleWords.get(bNextScales / 4 + group2 / 4);
                                bNextScale3 = scaleWords.get(bNextScales / 4 + group3 / 4);
                            }
                        }
                        float aSum0 = x0 * values[((a0 << 5) & 0x1fe0) | bank]
                                + x1 * values[(((a0 << 5) & 0x1fe0) | bank) ^ 16]
                                + x2 * values[((a0 >> 3) & 0x1fe0) | bank]
                                + x3 * values[(((a0 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x4 * values[((a0 >> 11) & 0x1fe0) | bank]
                                + x5 * values[(((a0 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x6 * values[((a0 >> 19) & 0x1fe0) | bank]
                                + x7 * values[(((a0 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aSum1 = x8 * values[((a1 << 5) & 0x1fe0) | bank]
                                + x9 * values[(((a1 << 5) & 0x1fe0) | bank) ^ 16]
                                + x10 * values[((a1 >> 3) & 0x1fe0) | bank]
                                + x11 * values[(((a1 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x12 * values[((a1 >> 11) & 0x1fe0) | bank]
                                + x13 * values[(((a1 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x14 * values[((a1 >> 19) & 0x1fe0) | bank]
                                + x15 * values[(((a1 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aSum2 = x16 * values[((a2 << 5) & 0x1fe0) | bank]
                                + x17 * values[(((a2 << 5) & 0x1fe0) | bank) ^ 16]
                                + x18 * values[((a2 >> 3) & 0x1fe0) | bank]
                                + x19 * values[(((a2 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x20 * values[((a2 >> 11) & 0x1fe0) | bank]
                                + x21 * values[(((a2 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x22 * values[((a2 >> 19) & 0x1fe0) | bank]
                                + x23 * values[(((a2 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aSum3 = x24 * values[((a3 << 5) & 0x1fe0) | bank]
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
                                aSum1 *= aFactor1;
                                aSum2 *= aFactor2;
                                aSum3 *= aFactor3;
                            } else {
                                aSum0 *= scaleValues[(aScale0 >> shift0) & 0xff];
                                aSum1 *= scaleValues[(aScale1 >> shift1) & 0xff];
                                aSum2 *= scaleValues[(aScale2 >> shift2) & 0xff];
                                aSum3 *= scaleValues[(aScale3 >> shift3) & 0xff];
                            }
                        }
                        partial[r * width + lane] = aSum0 + aSum1 + aSum2 + aSum3;
                        float bSum0 = x0 * values[((b0 << 5) & 0x1fe0) | bank]
                                + x1 * values[(((b0 << 5) & 0x1fe0) | bank) ^ 16]
                                + x2 * values[((b0 >> 3) & 0x1fe0) | bank]
                                + x3 * values[(((b0 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x4 * values[((b0 >> 11) & 0x1fe0) | bank]
                                + x5 * values[(((b0 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x6 * values[((b0 >> 19) & 0x1fe0) | bank]
                                + x7 * values[(((b0 >> 19) & 0x1fe0) | bank) ^ 16];
                        float bSum1 = x8 * values[((b1 << 5) & 0x1fe0) | bank]
                                + x9 * values[(((b1 << 5) & 0x1fe0) | bank) ^ 16]
                                + x10 * values[((b1 >> 3) & 0x1fe0) | bank]
                                + x11 * values[(((b1 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x12 * values[((b1 >> 11) & 0x1fe0) | bank]
                                + x13 * values[(((b1 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x14 * values[((b1 >> 19) & 0x1fe0) | bank]
                                + x15 * values[(((b1 >> 19) & 0x1fe0) | bank) ^ 16];
                        float bSum2 = x16 * values[((b2 << 5) & 0x1fe0) | bank]
                                + x17 * values[(((b2 << 5) & 0x1fe0) | bank) ^ 16]
                                + x18 * values[((b2 >> 3) & 0x1fe0) | bank]
                                + x19 * values[(((b2 >> 3) & 0x1fe0) | bank) ^ 16]
                                + x20 * values[((b2 >> 11) & 0x1fe0) | bank]
                                + x21 * values[(((b2 >> 11) & 0x1fe0) | bank) ^ 16]
                                + x22 * values[((b2 >> 19) & 0x1fe0) | bank]
                                + x23 * values[(((b2 >> 19) & 0x1fe0) | bank) ^ 16];
                        float bSum3 = x24 * values[((b3 << 5) & 0x1fe0) | bank]
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
                                bSum1 *= bFactor1;
                                bSum2 *= bFactor2;
                                bSum3 *= bFactor3;
                            } else {
                                bSum0 *= scaleValues[(bScale0 >> shift0) & 0xff];
                                bSum1 *= scaleValues[(bScale1 >> shift1) & 0xff];
                                bSum2 *= scaleValues[(bScale2 >> shift2) & 0xff];
                                bSum3 *= scaleValues[(bScale3 >> shift3) & 0xff];
                            }
                        }
                        partial[(r + 1) * width + lane] = bSum0 + bSum1 + bSum2 + bSum3;
                        a0 = aNext0;
                        a1 = aNext1;
                        a2 = aNext2;
                        a3 = aNext3;
                        aScale0 = aNextScale0;
                        aFactor0 = aNextFactor0;
                        aScale1 = aNextScale1;
                        aFactor1 = aNextFactor1;
                        aScale2 = aNextScale2;
                        aFactor2 = aNextFactor2;
                        aScale3 = aNextScale3;
                        aFactor3 = aNextFactor3;
                        b0 = bNext0;
                        b1 = bNext1;
                        b2 = bNext2;
                        b3 = bNext3;
                        bScale0 = bNextScale0;
                        bFactor0 = bNextFactor0;
                        bScale1 = bNextScale1;
                        bFactor1 = bNextFactor1;
                        bScale2 = bNextScale2;
                        bFactor2 = bNextFactor2;
                        bScale3 = bNextScale3;
                        bFactor3 = bNextFactor3;
                    }
                    context.localBarrier();
                    float some = 0.0f;
                    if (sum < most) {
                        for (int i = 0; i < rows; i++) {
                            some += partial[sum * width + part + i * sharers];
                        }
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
