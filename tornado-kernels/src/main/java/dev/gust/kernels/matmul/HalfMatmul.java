package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for F16, few rows of x: as {@link NibbleMatmul}, with a table of factors and one of offsets by sign and
 * exponent, as {@link Tables} says.
 */
public final class HalfMatmul {
    /** Numbers to a word; K is a multiple of it. */
    public static final int CODES = 2;

    /** Floats of local memory that the tables take. */
    public static final int TABLES = 2 * 64 * 32;

    private HalfMatmul() {}

    /** The kernel; grid and arguments as in {@link NibbleMatmul#matmulNibbles}. */
    public static void matmulHalves(
            KernelContext context,
            IntArray words,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int groupSize,
            int rows) {
        float[] factors = context.allocateFloatLocalArray(64 * 32);
        float[] offsets = context.allocateFloatLocalArray(64 * 32);
        float[] partial = context.allocateFloatLocalArray(rows * groupSize);
        int lane = context.localIdx;
        int bank = lane & 31;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / CODES : 0;
        int span = 4 * groupSize;
        int step = (context.globalGroupSizeX / groupSize) * rows;
        for (int i = lane; i < 64 * 32; i += groupSize) {
            factors[i] = tables.get(Tables.F16_FACTORS + (i >> 5));
            offsets[i] = tables.get(Tables.F16_OFFSETS + (i >> 5));
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
                if (column0 < rowWords) {
                    int from = vector * k + column0 * 2;
                    x0 = x.get(from);
                    x1 = x.get(from + 1);
                } else {
                    column0 = rowWords - 1;
                }
                if (column1 < rowWords) {
                    int from = vector * k + column1 * 2;
                    x2 = x.get(from);
                    x3 = x.get(from + 1);
                } else {
                    column1 = rowWords - 1;
                }
                if (column2 < rowWords) {
                    int from = vector * k + column2 * 2;
                    x4 = x.get(from);
                    x5 = x.get(from + 1);
                } else {
                    column2 = rowWords - 1;
                }
                if (column3 < rowWords) {
                    int from = vector * k + column3 * 2;
                    x6 = x.get(from);
                    x7 = x.get(from + 1);
                } else {
                    column3 = rowWords - 1;
                }
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
                    float aPart0 = x0
                                    * (factors[((a0 >> 5) & 0x7e0) | bank] * (float) (a0 & 0x3ff)
                                            + offsets[((a0 >> 5) & 0x7e0) | bank])
                            + x1
                                    * (factors[((a0 >> 21) & 0x7e0) | bank] * (float) ((a0 >> 16) & 0x3ff)
                                            + offsets[((a0 >> 21) & 0x7e0) | bank]);
                    float aPart1 = x2
                                    * (factors[((a1 >> 5) & 0x7e0) | bank] * (float) (a1 & 0x3ff)
                                            + offsets[((a1 >> 5) & 0x7e0) | bank])
                            + x3
                                    * (factors[((a1 >> 21) & 0x7e0) | bank] * (float) ((a1 >> 16) & 0x3ff)
                                            + offsets[((a1 >> 21) & 0x7e0) | bank]);
                    float aPart2 = x4
                                    * (factors[((a2 >> 5) & 0x7e0) | bank] * (float) (a2 & 0x3ff)
                                            + offsets[((a2 >> 5) & 0x7e0) | bank])
                            + x5
                                    * (factors[((a2 >> 21) & 0x7e0) | bank] * (float) ((a2 >> 16) & 0x3ff)
                                            + offsets[((a2 >> 21) & 0x7e0) | bank]);
                    float aPart3 = x6
                                    * (factors[((a3 >> 5) & 0x7e0) | bank] * (float) (a3 & 0x3ff)
                                            + offsets[((a3 >> 5) & 0x7e0) | bank])
                            + x7
                                    * (factors[((a3 >> 21) & 0x7e0) | bank] * (float) ((a3 >> 16) & 0x3ff)
                                            + offsets[((a3 >> 21) & 0x7e0) | bank]);
                    float bPart0 = x0
                                    * (factors[((b0 >> 5) & 0x7e0) | bank] * (float) (b0 & 0x3ff)
                                            + offsets[((b0 >> 5) & 0x7e0) | bank])
                            + x1
                                    * (factors[((b0 >> 21) & 0x7e0) | bank] * (float) ((b0 >> 16) & 0x3ff)
                                            + offsets[((b0 >> 21) & 0x7e0) | bank]);
                    float bPart1 = x2
                                    * (factors[((b1 >> 5) & 0x7e0) | bank] * (float) (b1 & 0x3ff)
                                            + offsets[((b1 >> 5) & 0x7e0) | bank])
                            + x3
                                    * (factors[((b1 >> 21) & 0x7e0) | bank] * (float) ((b1 >> 16) & 0x3ff)
                                            + offsets[((b1 >> 21) & 0x7e0) | bank]);
                    float bPart2 = x4
                                    * (factors[((b2 >> 5) & 0x7e0) | bank] * (float) (b2 & 0x3ff)
                                            + offsets[((b2 >> 5) & 0x7e0) | bank])
                            + x5
                                    * (factors[((b2 >> 21) & 0x7e0) | bank] * (float) ((b2 >> 16) & 0x3ff)
                                            + offsets[((b2 >> 21) & 0x7e0) | bank]);
                    float bPart3 = x6
                                    * (factors[((b3 >> 5) & 0x7e0) | bank] * (float) (b3 & 0x3ff)
                                            + offsets[((b3 >> 5) & 0x7e0) | bank])
                            + x7
                                    * (factors[((b3 >> 21) & 0x7e0) | bank] * (float) ((b3 >> 16) & 0x3ff)
                                            + offsets[((b3 >> 21) & 0x7e0) | bank]);
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
                y.set(vector * n + first + lane, value);
            }
            context.localBarrier();
        }
    }
}
