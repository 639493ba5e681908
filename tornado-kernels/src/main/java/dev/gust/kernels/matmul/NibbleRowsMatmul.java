package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for codes of 4 bits, up to four rows of x at a time, for which codes are restored once.
 *
 * <p>Two codes are restored by one place in local memory: entry b of the table holds the value of byte b's low nibble 16
 * times and then that of its high nibble 16 times. Half of 32 neighbours read the low nibble first while the others read
 * the high one, so that their reads fall on 32 banks and none waits for another; those have x in the order that fits.
 */
public final class NibbleRowsMatmul {
    /** Codes that a work-item takes at once: K, and what scales change after along a row, are multiples of it. */
    public static final int RUN = 16;

    /** Rows of x that are multiplied at a time. */
    public static final int VECTORS = 4;

    private NibbleRowsMatmul() {}

    /**
     * The kernel, for any number of groups along x, each of which takes its share of the rows of W, and one along y for
     * each four rows of x. Arguments as in {@link PortableMatmul}, and
     *
     * @param grouped 0 if there is one scale for each row, or none; otherwise scales change along a row, and scales of
     *     one byte begin with a word in each row of them
     * @param scaleRows rows that share a scale, where {@code grouped}
     * @param groupSize work-items of a group, a power of two: 32 along x, for then the compiler does not know
     *     which bits a bank has, and masks and merges in one operation
     * @param rows rows of W that a group sums up at a time, a power of two; four times that is at most {@code groupSize}
     */
    public static void matmulNibbleRows(
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
        int sumsAtOnce = rows * VECTORS;
        float[] values = context.allocateFloatLocalArray(256 * 32);
        float[] scaleValues = context.allocateFloatLocalArray(256);
        float[] partial = context.allocateFloatLocalArray(rows * VECTORS * (groupSize + 16));
        float[] sums = context.allocateFloatLocalArray(groupSize);
        int bank = context.localIdx;
        int lane = context.localIdy * 32 + bank;
        int half = bank >> 4;
        int sharers = groupSize / sumsAtOnce;
        int sum = lane / sharers;
        int part = lane % sharers;
        int width = groupSize + 16;
        int vector = context.groupIdy * VECTORS;
        int most = shape.get(MatmulShape.M) - 1;
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
        for (int start = 0; start < rowWords; start += 2 * groupSize) {
            int column0 = start + 2 * lane;
            float s0 = 0.0f;
            float s1 = 0.0f;
            float s2 = 0.0f;
            float s3 = 0.0f;
            float s4 = 0.0f;
            float s5 = 0.0f;
            float s6 = 0.0f;
            float s7 = 0.0f;
            float s8 = 0.0f;
            float s9 = 0.0f;
            float s10 = 0.0f;
            float s11 = 0.0f;
            float s12 = 0.0f;
            float s13 = 0.0f;
            float s14 = 0.0f;
            float s15 = 0.0f;
            float t0 = 0.0f;
            float t1 = 0.0f;
            float t2 = 0.0f;
            float t3 = 0.0f;
            float t4 = 0.0f;
            float t5 = 0.0f;
            float t6 = 0.0f;
            float t7 = 0.0f;
            float t8 = 0.0f;
            float t9 = 0.0f;
            float t10 = 0.0f;
            float t11 = 0.0f;
            float t12 = 0.0f;
            float t13 = 0.0f;
            float t14 = 0.0f;
            float t15 = 0.0f;
            float u0 = 0.0f;
            float u1 = 0.0f;
            float u2 = 0.0f;
            float u3 = 0.0f;
            float u4 = 0.0f;
            float u5 = 0.0f;
            float u6 = 0.0f;
            float u7 = 0.0f;
            float u8 = 0.0f;
            float u9 = 0.0f;
            float u10 = 0.0f;
            float u11 = 0.0f;
            float u12 = 0.0f;
            float u13 = 0.0f;
            float u14 = 0.0f;
            float u15 = 0.0f;
            float v0 = 0.0f;
            float v1 = 0.0f;
            float v2 = 0.0f;
            float v3 = 0.0f;
            float v4 = 0.0f;
            float v5 = 0.0f;
            float v6 = 0.0f;
            float v7 = 0.0f;
            float v8 = 0.0f;
            float v9 = 0.0f;
            float v10 = 0.0f;
            float v11 = 0.0f;
            float v12 = 0.0f;
            float v13 = 0.0f;
            float v14 = 0.0f;
            float v15 = 0.0f;
            if (column0 < rowWords) {
                int even0 = vector * k + column0 * 8 + half;
                int odd0 = vector * k + column0 * 8 + 1 - half;
                s0 = x.get(even0);
                s1 = x.get(odd0);
                s2 = x.get(even0 + 2);
                s3 = x.get(odd0 + 2);
                s4 = x.get(even0 + 4);
                s5 = x.get(odd0 + 4);
                s6 = x.get(even0 + 6);
                s7 = x.get(odd0 + 6);
                s8 = x.get(even0 + 8);
                s9 = x.get(odd0 + 8);
                s10 = x.get(even0 + 10);
                s11 = x.get(odd0 + 10);
                s12 = x.get(even0 + 12);
                s13 = x.get(odd0 + 12);
                s14 = x.get(even0 + 14);
                s15 = x.get(odd0 + 14);
                int even1 = Math.min(vector + 1, most) * k + column0 * 8 + half;
                int odd1 = Math.min(vector + 1, most) * k + column0 * 8 + 1 - half;
                t0 = x.get(even1);
                t1 = x.get(odd1);
                t2 = x.get(even1 + 2);
                t3 = x.get(odd1 + 2);
                t4 = x.get(even1 + 4);
                t5 = x.get(odd1 + 4);
                t6 = x.get(even1 + 6);
                t7 = x.get(odd1 + 6);
                t8 = x.get(even1 + 8);
                t9 = x.get(odd1 + 8);
                t10 = x.get(even1 + 10);
                t11 = x.get(odd1 + 10);
                t12 = x.get(even1 + 12);
                t13 = x.get(odd1 + 12);
                t14 = x.get(even1 + 14);
                t15 = x.get(odd1 + 14);
                int even2 = Math.min(vector + 2, most) * k + column0 * 8 + half;
                int odd2 = Math.min(vector + 2, most) * k + column0 * 8 + 1 - half;
                u0 = x.get(even2);
                u1 = x.get(odd2);
                u2 = x.get(even2 + 2);
                u3 = x.get(odd2 + 2);
                u4 = x.get(even2 + 4);
                u5 = x.get(odd2 + 4);
                u6 = x.get(even2 + 6);
                u7 = x.get(odd2 + 6);
                u8 = x.get(even2 + 8);
                u9 = x.get(odd2 + 8);
                u10 = x.get(even2 + 10);
                u11 = x.get(odd2 + 10);
                u12 = x.get(even2 + 12);
                u13 = x.get(odd2 + 12);
                u14 = x.get(even2 + 14);
                u15 = x.get(odd2 + 14);
                int even3 = Math.min(vector + 3, most) * k + column0 * 8 + half;
                int odd3 = Math.min(vector + 3, most) * k + column0 * 8 + 1 - half;
                v0 = x.get(even3);
                v1 = x.get(odd3);
                v2 = x.get(even3 + 2);
                v3 = x.get(odd3 + 2);
                v4 = x.get(even3 + 4);
                v5 = x.get(odd3 + 4);
                v6 = x.get(even3 + 6);
                v7 = x.get(odd3 + 6);
                v8 = x.get(even3 + 8);
                v9 = x.get(odd3 + 8);
                v10 = x.get(even3 + 10);
                v11 = x.get(odd3 + 10);
                v12 = x.get(even3 + 12);
                v13 = x.get(odd3 + 12);
                v14 = x.get(even3 + 14);
                v15 = x.get(odd3 + 14);
            } else {
                column0 = rowWords - 2;
            }
            int group0 = column0 * 8 / scaleColumns;
            int shift0 = (group0 & 3) << 3;
            if (begin < end) {
                int aScale0 = 0;
                float aFactor0 = 0.0f;
                int aNextScale0 = 0;
                float aNextFactor0 = 0.0f;
                int aAt0 = begin * rowWords + column0;
                int a0 = words.get(aAt0);
                int a1 = words.get(aAt0 + 1);
                if (grouped != 0) {
                    int aScales = begin / scaleRows * scaleStride;
                    if (scale == ScaleCode.FLOATS) {
                        aFactor0 = scales.get(aScales + group0);
                    } else {
                        aScale0 = scaleWords.get(aScales / 4 + group0 / 4);
                    }
                }
                for (int first = begin; first < end; first += rows) {
                    for (int r = 0; r < rows; r++) {
                        int aNextRow = Math.min(first + r + 1, end - 1);
                        int aNextAt0 = aNextRow * rowWords + column0;
                        int aNext0 = words.get(aNextAt0);
                        int aNext1 = words.get(aNextAt0 + 1);
                        if (grouped != 0) {
                            int aNextScales = aNextRow / scaleRows * scaleStride;
                            if (scale == ScaleCode.FLOATS) {
                                aNextFactor0 = scales.get(aNextScales + group0);
                            } else {
                                aNextScale0 = scaleWords.get(aNextScales / 4 + group0 / 4);
                            }
                        }
                        float aw0 = values[((a0 << 5) & 0x1fe0) | bank];
                        float aw1 = values[(((a0 << 5) & 0x1fe0) | bank) ^ 16];
                        float aw2 = values[((a0 >> 3) & 0x1fe0) | bank];
                        float aw3 = values[(((a0 >> 3) & 0x1fe0) | bank) ^ 16];
                        float aw4 = values[((a0 >> 11) & 0x1fe0) | bank];
                        float aw5 = values[(((a0 >> 11) & 0x1fe0) | bank) ^ 16];
                        float aw6 = values[((a0 >> 19) & 0x1fe0) | bank];
                        float aw7 = values[(((a0 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aw8 = values[((a1 << 5) & 0x1fe0) | bank];
                        float aw9 = values[(((a1 << 5) & 0x1fe0) | bank) ^ 16];
                        float aw10 = values[((a1 >> 3) & 0x1fe0) | bank];
                        float aw11 = values[(((a1 >> 3) & 0x1fe0) | bank) ^ 16];
                        float aw12 = values[((a1 >> 11) & 0x1fe0) | bank];
                        float aw13 = values[(((a1 >> 11) & 0x1fe0) | bank) ^ 16];
                        float aw14 = values[((a1 >> 19) & 0x1fe0) | bank];
                        float aw15 = values[(((a1 >> 19) & 0x1fe0) | bank) ^ 16];
                        float aSum0 = s0 * aw0
                                + s1 * aw1
                                + s2 * aw2
                                + s3 * aw3
                                + s4 * aw4
                                + s5 * aw5
                                + s6 * aw6
                                + s7 * aw7
                                + s8 * aw8
                                + s9 * aw9
                                + s10 * aw10
                                + s11 * aw11
                                + s12 * aw12
                                + s13 * aw13
                                + s14 * aw14
                                + s15 * aw15;
                        float aSum1 = t0 * aw0
                                + t1 * aw1
                                + t2 * aw2
                                + t3 * aw3
                                + t4 * aw4
                                + t5 * aw5
                                + t6 * aw6
                                + t7 * aw7
                                + t8 * aw8
                                + t9 * aw9
                                + t10 * aw10
                                + t11 * aw11
                                + t12 * aw12
                                + t13 * aw13
                                + t14 * aw14
                                + t15 * aw15;
                        float aSum2 = u0 * aw0
                                + u1 * aw1
                                + u2 * aw2
                                + u3 * aw3
                                + u4 * aw4
                                + u5 * aw5
                                + u6 * aw6
                                + u7 * aw7
                                + u8 * aw8
                                + u9 * aw9
                                + u10 * aw10
                                + u11 * aw11
                                + u12 * aw12
                                + u13 * aw13
                                + u14 * aw14
                                + u15 * aw15;
                        float aSum3 = v0 * aw0
                                + v1 * aw1
                                + v2 * aw2
                                + v3 * aw3
                                + v4 * aw4
                                + v5 * aw5
                                + v6 * aw6
                                + v7 * aw7
                                + v8 * aw8
                                + v9 * aw9
                                + v10 * aw10
                                + v11 * aw11
                                + v12 * aw12
                                + v13 * aw13
                                + v14 * aw14
                                + v15 * aw15;
                        if (grouped != 0) {
                            float factor =
                                    scale == ScaleCode.FLOATS ? aFactor0 : scaleValues[(aScale0 >> shift0) & 0xff];
                            aSum0 *= factor;
                            aSum1 *= factor;
                            aSum2 *= factor;
                            aSum3 *= factor;
                        }
                        partial[(r * VECTORS + 0) * width + lane] = aSum0;
                        partial[(r * VECTORS + 1) * width + lane] = aSum1;
                        partial[(r * VECTORS + 2) * width + lane] = aSum2;
                        partial[(r * VECTORS + 3) * width + lane] = aSum3;
                        a0 = aNext0;
                        a1 = aNext1;
                        aScale0 = aNextScale0;
                        aFactor0 = aNextFactor0;
                    }
                    context.localBarrier();
                    float some = 0.0f;
                    for (int i = 0; i < sumsAtOnce; i++) {
                        some += partial[sum * width + part + i * sharers];
                    }
                    sums[part * sumsAtOnce + sum] = some;
                    context.localBarrier();
                    int row = first + lane / VECTORS;
                    int vectorOfLane = vector + lane % VECTORS;
                    if (lane < sumsAtOnce && row < end && vectorOfLane <= most) {
                        int to = vectorOfLane * n + row;
                        float value = 0.0f;
                        for (int i = 0; i < sharers; i++) {
                            value += sums[i * sumsAtOnce + lane];
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
