package dev.gust.kernels.logits.sdk;

import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.HeadSizes;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.HalfFloat;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Scores of all tokens from rows of F16, on devices that turn 16-bit floats into 32-bit ones: {@link GroupScores#rowsGroups}. */
public final class HalfScores {
    private HalfScores() {}

    /**
     * The kernel, for groups as those of {@link GroupScores#rowsGroups}, with its arguments, but
     *
     * @param w [N, D]
     */
    public static void rowsHalves(
            KernelContext context,
            HalfFloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int lanes,
            int rows,
            int heap) {
        // Work-items to a row when partial sums are added up, and numbers between rows, which spread them over banks.
        int adders = GroupScores.LOCAL / rows;
        int pitch = lanes + adders;
        float[] partial = context.allocateFloatLocalArray(rows * (lanes + 8));
        float[] scores = context.allocateFloatLocalArray(GroupScores.LOCAL);
        int local = context.localIdx;
        int lane = local % lanes;
        int sharers = GroupScores.LOCAL / lanes;
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int passes = sizes.get(HeadSizes.STEPS);
        int hidden = context.groupIdy * d;
        for (int pass = 0; pass < passes; pass++) {
            int mine = pass * GroupScores.ROWS * sharers + local / lanes;
            int first = context.groupIdx * rows + mine;
            // Rows past the last are the last once more, whose sums go nowhere.
            int at0 = Math.min(first, n - 1) * d;
            int at1 = Math.min(first + sharers, n - 1) * d;
            int at2 = Math.min(first + 2 * sharers, n - 1) * d;
            int at3 = Math.min(first + 3 * sharers, n - 1) * d;
            float s0 = 0.0f;
            float s1 = 0.0f;
            float s2 = 0.0f;
            float s3 = 0.0f;
            int i0 = lane;
            for (; i0 + 3 * lanes < d; i0 += 4 * lanes) {
                int i1 = i0 + lanes;
                int i2 = i0 + 2 * lanes;
                int i3 = i0 + 3 * lanes;
                HalfFloat w00 = w.get(at0 + i0);
                HalfFloat w01 = w.get(at0 + i1);
                HalfFloat w02 = w.get(at0 + i2);
                HalfFloat w03 = w.get(at0 + i3);
                HalfFloat w10 = w.get(at1 + i0);
                HalfFloat w11 = w.get(at1 + i1);
                HalfFloat w12 = w.get(at1 + i2);
                HalfFloat w13 = w.get(at1 + i3);
                HalfFloat w20 = w.get(at2 + i0);
                HalfFloat w21 = w.get(at2 + i1);
                HalfFloat w22 = w.get(at2 + i2);
                HalfFloat w23 = w.get(at2 + i3);
                HalfFloat w30 = w.get(at3 + i0);
                HalfFloat w31 = w.get(at3 + i1);
                HalfFloat w32 = w.get(at3 + i2);
                HalfFloat w33 = w.get(at3 + i3);
                float x0 = h.get(hidden + i0);
                float x1 = h.get(hidden + i1);
                float x2 = h.get(hidden + i2);
                float x3 = h.get(hidden + i3);
                s0 += x0 * w00.getFloat32() + x1 * w01.getFloat32() + x2 * w02.getFloat32() + x3 * w03.getFloat32();
                s1 += x0 * w10.getFloat32() + x1 * w11.getFloat32() + x2 * w12.getFloat32() + x3 * w13.getFloat32();
                s2 += x0 * w20.getFloat32() + x1 * w21.getFloat32() + x2 * w22.getFloat32() + x3 * w23.getFloat32();
                s3 += x0 * w30.getFloat32() + x1 * w31.getFloat32() + x2 * w32.getFloat32() + x3 * w33.getFloat32();
            }
            for (; i0 < d; i0 += lanes) {
                float x0 = h.get(hidden + i0);
                s0 += x0 * w.get(at0 + i0).getFloat32();
                s1 += x0 * w.get(at1 + i0).getFloat32();
                s2 += x0 * w.get(at2 + i0).getFloat32();
                s3 += x0 * w.get(at3 + i0).getFloat32();
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
        scores[local] = part;
        context.localBarrier();
        int row = context.groupIdx * rows + local;
        float score = -3.4028235e38f;
        if (local < rows && row < n) {
            score = scores[local * adders];
            for (int i = 1; i < adders; i++) {
                score += scores[local * adders + i];
            }
            if (biased != 0) {
                score += bias.get(row);
            }
            y.set(context.groupIdy * n + row, score);
        }
        context.localBarrier();
        scores[local] = score;
        context.localBarrier();
        int place = context.groupIdx * rows + local * heap;
        if (local * heap < rows && place < n && heap > 0) {
            float most = scores[local * heap];
            for (int i = 1; i < heap; i++) {
                most = Math.max(most, scores[local * heap + i]);
            }
            maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
        }
    }
}
