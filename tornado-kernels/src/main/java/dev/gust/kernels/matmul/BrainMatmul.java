package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for BF16, few rows of x: as {@link NibbleMatmul}, with 16 copies of a table by sign and exponent. A normal
 * number is 2^exponent · (128 + mantissa) / 128, the 128 being divided out of x; subnormal numbers, below 1.2e-38, count as
 * zero.
 */
public final class BrainMatmul {
    /** Numbers to a word; K is a multiple of it. */
    public static final int CODES = 2;

    private static final float HUNDRED_TWENTY_EIGHTH = 0.0078125f;

    /** Floats of local memory that the table takes. */
    public static final int TABLES = 512 * 16;

    private BrainMatmul() {}

    /** The kernel; grid and arguments as in {@link NibbleMatmul#matmulNibbles}. */
    public static void matmulBrains(
            KernelContext context,
            IntArray words,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int groupSize,
            int rows) {
        float[] factors = context.allocateFloatLocalArray(512 * 16);
        float[] partial = context.allocateFloatLocalArray(rows * groupSize);
        int lane = context.localIdx;
        int bank = lane & 15;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int rowWords = vector < shape.get(MatmulShape.M) ? k / CODES : 0;
        int span = 4 * groupSize;
        int step = (context.globalGroupSizeX / groupSize) * rows;
        for (int i = lane; i < 512 * 16; i += groupSize) {
            factors[i] = tables.get(Tables.BF16_OFFSETS + (i >> 4));
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
                    x0 = x.get(from) * HUNDRED_TWENTY_EIGHTH;
                    x1 = x.get(from + 1) * HUNDRED_TWENTY_EIGHTH;
                } else {
                    column0 = rowWords - 1;
                }
                if (column1 < rowWords) {
                    int from = vector * k + column1 * 2;
                    x2 = x.get(from) * HUNDRED_TWENTY_EIGHTH;
                    x3 = x.get(from + 1) * HUNDRED_TWENTY_EIGHTH;
                } else {
                    column1 = rowWords - 1;
                }
                if (column2 < rowWords) {
                    int from = vector * k + column2 * 2;
                    x4 = x.get(from) * HUNDRED_TWENTY_EIGHTH;
                    x5 = x.get(from + 1) * HUNDRED_TWENTY_EIGHTH;
                } else {
                    column2 = rowWords - 1;
                }
                if (column3 < rowWords) {
                    int from = vector * k + column3 * 2;
                    x6 = x.get(from) * HUNDRED_TWENTY_EIGHTH;
                    x7 = x.get(from + 1) * HUNDRED_TWENTY_EIGHTH;
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
                    float aPart0 = x0 * (factors[((a0 >> 3) & 0x1ff0) | bank] * (float) ((a0 & 0x7f) | 0x80))
                            + x1 * (factors[((a0 >> 19) & 0x1ff0) | bank] * (float) (((a0 >> 16) & 0x7f) | 0x80));
                    float aPart1 = x2 * (factors[((a1 >> 3) & 0x1ff0) | bank] * (float) ((a1 & 0x7f) | 0x80))
                            + x3 * (factors[((a1 >> 19) & 0x1ff0) | bank] * (float) (((a1 >> 16) & 0x7f) | 0x80));
                    float aPart2 = x4 * (factors[((a2 >> 3) & 0x1ff0) | bank] * (float) ((a2 & 0x7f) | 0x80))
                            + x5 * (factors[((a2 >> 19) & 0x1ff0) | bank] * (float) (((a2 >> 16) & 0x7f) | 0x80));
                    float aPart3 = x6 * (factors[((a3 >> 3) & 0x1ff0) | bank] * (float) ((a3 & 0x7f) | 0x80))
                            + x7 * (factors[((a3 >> 19) & 0x1ff0) | bank] * (float) (((a3 >> 16) & 0x7f) | 0x80));
                    float bPart0 = x0 * (factors[((b0 >> 3) & 0x1ff0) | bank] * (float) ((b0 & 0x7f) | 0x80))
                            + x1 * (factors[((b0 >> 19) & 0x1ff0) | bank] * (float) (((b0 >> 16) & 0x7f) | 0x80));
                    float bPart1 = x2 * (factors[((b1 >> 3) & 0x1ff0) | bank] * (float) ((b1 & 0x7f) | 0x80))
                            + x3 * (factors[((b1 >> 19) & 0x1ff0) | bank] * (float) (((b1 >> 16) & 0x7f) | 0x80));
                    float bPart2 = x4 * (factors[((b2 >> 3) & 0x1ff0) | bank] * (float) ((b2 & 0x7f) | 0x80))
                            + x5 * (factors[((b2 >> 19) & 0x1ff0) | bank] * (float) (((b2 >> 16) & 0x7f) | 0x80));
                    float bPart3 = x6 * (factors[((b3 >> 3) & 0x1ff0) | bank] * (float) ((b3 & 0x7f) | 0x80))
                            + x7 * (factors[((b3 >> 19) & 0x1ff0) | bank] * (float) (((b3 >> 16) & 0x7f) | 0x80));
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
