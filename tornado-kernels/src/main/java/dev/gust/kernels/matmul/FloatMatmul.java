package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x · Wᵀ for float32, few rows of x. A work-item takes four rows of W at a time, for which it reads x once, and sixteen
 * numbers of them are under way at once; nobody waits for another before all rows of a group are read.
 */
public final class FloatMatmul {
    /** Work-items of a group. */
    public static final int LOCAL = 256;

    /** Rows of W that a work-item takes at a time. */
    public static final int BATCH = 4;

    /** Numbers between partial sums of neighbouring rows beyond those of a row: they spread over banks. */
    private static final int PAD = 8;

    private FloatMatmul() {}

    /** Floats of local memory. */
    public static int localFloats(int lanes, int rows) {
        return rows * (lanes + PAD) + LOCAL;
    }

    /**
     * The kernel, for ceil(N / rows) groups along x and one along y for each row of x.
     *
     * @param floats [N, K]
     * @param lanes work-items to a row, a power of two from 8 to {@link #LOCAL}: neighbours read neighbouring numbers
     * @param rows rows of a group, a power of two and a multiple of LOCAL / lanes · BATCH, at most LOCAL
     */
    public static void matmulFloats(
            KernelContext context,
            FloatArray floats,
            FloatArray tables,
            IntArray shape,
            FloatArray x,
            FloatArray y,
            int lanes,
            int rows) {
        float[] partial = context.allocateFloatLocalArray(rows * (lanes + PAD));
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int adders = LOCAL / rows;
        int pitch = lanes + PAD;
        int local = context.localIdx;
        int lane = local % lanes;
        int sharers = LOCAL / lanes;
        int vector = context.groupIdy;
        int n = shape.get(MatmulShape.N);
        int k = shape.get(MatmulShape.K);
        int end = vector < shape.get(MatmulShape.M) ? k : 0;
        int away = vector * k;
        for (int mine = local / lanes; mine < rows; mine += BATCH * sharers) {
            int first = context.groupIdx * rows + mine;
            // Rows past the last are the last once more, whose sums go nowhere.
            int at0 = Math.min(first, n - 1) * k;
            int at1 = Math.min(first + sharers, n - 1) * k;
            int at2 = Math.min(first + 2 * sharers, n - 1) * k;
            int at3 = Math.min(first + 3 * sharers, n - 1) * k;
            float s0 = 0.0f;
            float s1 = 0.0f;
            float s2 = 0.0f;
            float s3 = 0.0f;
            int i0 = lane;
            for (; i0 + 3 * lanes < end; i0 += 4 * lanes) {
                int i1 = i0 + lanes;
                int i2 = i0 + 2 * lanes;
                int i3 = i0 + 3 * lanes;
                float w00 = floats.get(at0 + i0);
                float w01 = floats.get(at0 + i1);
                float w02 = floats.get(at0 + i2);
                float w03 = floats.get(at0 + i3);
                float w10 = floats.get(at1 + i0);
                float w11 = floats.get(at1 + i1);
                float w12 = floats.get(at1 + i2);
                float w13 = floats.get(at1 + i3);
                float w20 = floats.get(at2 + i0);
                float w21 = floats.get(at2 + i1);
                float w22 = floats.get(at2 + i2);
                float w23 = floats.get(at2 + i3);
                float w30 = floats.get(at3 + i0);
                float w31 = floats.get(at3 + i1);
                float w32 = floats.get(at3 + i2);
                float w33 = floats.get(at3 + i3);
                float x0 = x.get(away + i0);
                float x1 = x.get(away + i1);
                float x2 = x.get(away + i2);
                float x3 = x.get(away + i3);
                s0 += x0 * w00 + x1 * w01 + x2 * w02 + x3 * w03;
                s1 += x0 * w10 + x1 * w11 + x2 * w12 + x3 * w13;
                s2 += x0 * w20 + x1 * w21 + x2 * w22 + x3 * w23;
                s3 += x0 * w30 + x1 * w31 + x2 * w32 + x3 * w33;
            }
            for (; i0 < end; i0 += lanes) {
                float x0 = x.get(away + i0);
                s0 += x0 * floats.get(at0 + i0);
                s1 += x0 * floats.get(at1 + i0);
                s2 += x0 * floats.get(at2 + i0);
                s3 += x0 * floats.get(at3 + i0);
            }
            partial[mine * pitch + lane] = s0;
            partial[(mine + sharers) * pitch + lane] = s1;
            partial[(mine + 2 * sharers) * pitch + lane] = s2;
            partial[(mine + 3 * sharers) * pitch + lane] = s3;
        }
        context.localBarrier();
        float part = 0.0f;
        for (int i = local % adders; i < lanes; i += adders) {
            part += partial[local / adders * pitch + i];
        }
        sums[local] = part;
        context.localBarrier();
        int row = context.groupIdx * rows + local;
        if (local < rows && row < n) {
            float sum = sums[local * adders];
            for (int i = 1; i < adders; i++) {
                sum += sums[local * adders + i];
            }
            y.set(vector * n + row, sum * tables.get(Tables.FACTOR));
        }
    }
}
