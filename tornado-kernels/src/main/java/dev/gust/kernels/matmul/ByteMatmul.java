package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 8 bits, one row of x: work-items keep their part of x in registers and go down the rows of W with
 * it, while the words and scales of the next row are under way. Every one of 32 neighbours has a copy of the table in a
 * bank of its own, so none waits for another.
 */
public final class ByteMatmul {
    /** Codes that a work-item takes at once: K, and what scales change after along a row, are multiples of it. */
    public static final int RUN = 16;

    private ByteMatmul() {}

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
            int rows) {
        float[] values = context.allocateFloatLocalArray(256 * 32);
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] partial = context.allocateFloatLocalArray(rows * (groupSize + 16));
        float[] sums = context.allocateFloatLocalArray(groupSize);
        int bank = context.localIdx;
        int lane = context.localIdy * 32 + bank;
        int sharers = groupSize / rows;
        int sum = lane / sharers;
        int part = lane % sharers;
        int width = groupSize + 16;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / 4 : 0;
        int groups = context.globalGroupSizeX / 32;
        int share = ((n + groups - 1) / groups + rows - 1) / rows * rows;
        int begin = context.groupIdx * share;
        int end = Math.min(n, begin + share);
        int scaleColumns = shape.get(MatmulShape.SCALE_COLUMNS);
        int scaleStride = shape.get(MatmulShape.SCALE_GRID_COLUMNS);
        for (int i = lane; i < 256 * 32; i += groupSize) {
            values[i] = tables.get(Tables.CODES + (i >> 5));
        }
        for (int i = lane; i < 256; i += groupSize) {
            scaleValues[i] = tables.get(Tables.SCALES + i);
        }
        context.localBarrier();
        for (int start = 0; start < rowWords; start += 8 * groupSize) {
            int column0 = start + 4 * lane;
            int column1 = start + 4 * groupSize + 4 * lane;
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
                int from0 = vector * k + column0 * 4;
                x0 = x.get(from0);
                x1 = x.get(from0 + 1);
                x2 = x.get(from0 + 2);
                x3 = x.get(from0 + 3);
                x4 = x.get(from0 + 4);
                x5 = x.get(from0 + 5);
                x6 = x.get(from0 + 6);
                x7 = x.get(from0 + 7);
                x8 = x.get(from0 + 8);
                x9 = x.get(from0 + 9);
                x10 = x.get(from0 + 10);
                x11 = x.get(from0 + 11);
                x12 = x.get(from0 + 12);
                x13 = x.get(from0 + 13);
                x14 = x.get(from0 + 14);
                x15 = x.get(from0 + 15);
            } else {
                column0 = rowWords - 4;
            }
            int group0 = column0 * 4 / scaleColumns;
            if (column1 < rowWords) {
                int from0 = vector * k + column1 * 4;
                x16 = x.get(from0);
                x17 = x.get(from0 + 1);
                x18 = x.get(from0 + 2);
                x19 = x.get(from0 + 3);
                x20 = x.get(from0 + 4);
                x21 = x.get(from0 + 5);
                x22 = x.get(from0 + 6);
                x23 = x.get(from0 + 7);
                x24 = x.get(from0 + 8);
                x25 = x.get(from0 + 9);
                x26 = x.get(from0 + 10);
                x27 = x.get(from0 + 11);
                x28 = x.get(from0 + 12);
                x29 = x.get(from0 + 13);
                x30 = x.get(from0 + 14);
                x31 = x.get(from0 + 15);
            } else {
                column1 = rowWords - 4;
            }
            int group1 = column1 * 4 / scaleColumns;
            int shift0 = (group0 & 3) << 3;
            int shift1 = (group1 & 3) << 3;
            if (begin < end) {
                int aScale0 = 0;
                float aFactor0 = 0.0f;
                int aScale1 = 0;
                float aFactor1 = 0.0f;
                int aNextScale0 = 0;
                float aNextFactor0 = 0.0f;
                int aNextScale1 = 0;
                float aNextFactor1 = 0.0f;
                int aAt0 = begin * rowWords + column0;
                int a0 = words.get(aAt0);
                int a1 = words.get(aAt0 + 1);
                int a2 = words.get(aAt0 + 2);
                int a3 = words.get(aAt0 + 3);
                int aAt1 = begin * rowWords + column1;
                int a4 = words.get(aAt1);
                int a5 = words.get(aAt1 + 1);
                int a6 = words.get(aAt1 + 2);
                int a7 = words.get(aAt1 + 3);
                if (grouped != 0) {
                    int aScales = begin / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        aFactor0 = scales.get(aScales + group0);
                        aFactor1 = scales.get(aScales + group1);
                    } else {
                        aScale0 = scaleWords.get(aScales / 4 + group0 / 4);
                        aScale1 = scaleWords.get(aScales / 4 + group1 / 4);
                    }
                }
                for (int first = begin; first < end; first += rows) {
                    for (int r = 0; r < rows; r += 1) {
                        int aNextRow = Math.min(first + r + 1, end - 1);
                        int aNextAt0 = aNextRow * rowWords + column0;
                        int aNext0 = words.get(aNextAt0);
                        int aNext1 = words.get(aNextAt0 + 1);
                        int aNext2 = words.get(aNextAt0 + 2);
                        int aNext3 = words.get(aNextAt0 + 3);
                        int aNextAt1 = aNextRow * rowWords + column1;
                        int aNext4 = words.get(aNextAt1);
                        int aNext5 = words.get(aNextAt1 + 1);
                        int aNext6 = words.get(aNextAt1 + 2);
                        int aNext7 = words.get(aNextAt1 + 3);
                        if (grouped != 0) {
                            int aNextScales = aNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                aNextFactor0 = scales.get(aNextScales + group0);
                                aNextFactor1 = scales.get(aNextScales + group1);
                            } else {
                                aNextScale0 = scaleWords.get(aNextScales / 4 + group0 / 4);
                                aNextScale1 = scaleWords.get(aNextScales / 4 + group1 / 4);
                            }
                        }
                        float aSum0 = x0 * values[((a0 << 5) & 0x1fe0) | bank]
                                + x1 * values[((a0 >> 3) & 0x1fe0) | bank]
                                + x2 * values[((a0 >> 11) & 0x1fe0) | bank]
                                + x3 * values[((a0 >> 19) & 0x1fe0) | bank]
                                + x4 * values[((a1 << 5) & 0x1fe0) | bank]
                                + x5 * values[((a1 >> 3) & 0x1fe0) | bank]
                                + x6 * values[((a1 >> 11) & 0x1fe0) | bank]
                                + x7 * values[((a1 >> 19) & 0x1fe0) | bank]
                                + x8 * values[((a2 << 5) & 0x1fe0) | bank]
                                + x9 * values[((a2 >> 3) & 0x1fe0) | bank]
                                + x10 * values[((a2 >> 11) & 0x1fe0) | bank]
                                + x11 * values[((a2 >> 19) & 0x1fe0) | bank]
                                + x12 * values[((a3 << 5) & 0x1fe0) | bank]
                                + x13 * values[((a3 >> 3) & 0x1fe0) | bank]
                                + x14 * values[((a3 >> 11) & 0x1fe0) | bank]
                                + x15 * values[((a3 >> 19) & 0x1fe0) | bank];
                        float aSum1 = x16 * values[((a4 << 5) & 0x1fe0) | bank]
                                + x17 * values[((a4 >> 3) & 0x1fe0) | bank]
                                + x18 * values[((a4 >> 11) & 0x1fe0) | bank]
                                + x19 * values[((a4 >> 19) & 0x1fe0) | bank]
                                + x20 * values[((a5 << 5) & 0x1fe0) | bank]
                                + x21 * values[((a5 >> 3) & 0x1fe0) | bank]
                                + x22 * values[((a5 >> 11) & 0x1fe0) | bank]
                                + x23 * values[((a5 >> 19) & 0x1fe0) | bank]
                                + x24 * values[((a6 << 5) & 0x1fe0) | bank]
                                + x25 * values[((a6 >> 3) & 0x1fe0) | bank]
                                + x26 * values[((a6 >> 11) & 0x1fe0) | bank]
                                + x27 * values[((a6 >> 19) & 0x1fe0) | bank]
                                + x28 * values[((a7 << 5) & 0x1fe0) | bank]
                                + x29 * values[((a7 >> 3) & 0x1fe0) | bank]
                                + x30 * values[((a7 >> 11) & 0x1fe0) | bank]
                                + x31 * values[((a7 >> 19) & 0x1fe0) | bank];
                        if (grouped != 0) {
                            if (scale == ScaleCode.FLOATS) {
                                aSum0 *= aFactor0;
                                aSum1 *= aFactor1;
                            } else {
                                aSum0 *= scaleValues[(aScale0 >> shift0) & 0xff];
                                aSum1 *= scaleValues[(aScale1 >> shift1) & 0xff];
                            }
                        }
                        partial[r * width + lane] = aSum0 + aSum1;
                        a0 = aNext0;
                        a1 = aNext1;
                        a2 = aNext2;
                        a3 = aNext3;
                        a4 = aNext4;
                        a5 = aNext5;
                        a6 = aNext6;
                        a7 = aNext7;
                        aScale0 = aNextScale0;
                        aFactor0 = aNextFactor0;
                        aScale1 = aNextScale1;
                        aFactor1 = aNextFactor1;
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
