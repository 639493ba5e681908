package dev.gust.kernels.logits.sdk;

import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.HeadSizes;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.BFloat16;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** Scores of all tokens from rows of BF16, on devices that reinterpret computed bits: {@link GroupScores#rowsGroups}. */
public final class BrainScores {
    /** Numbers of a word; D is a multiple of it. */
    public static final int CODES = 4;

    private BrainScores() {}

    /**
     * The kernel, for groups as those of {@link GroupScores#rowsGroups}, with its arguments, but
     *
     * @param w [N, D / CODES], words of neighbouring numbers, the first lowest
     */
    public static void rowsBrains(
            KernelContext context,
            LongArray w,
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
        int words = sizes.get(HeadSizes.COLUMNS) / CODES;
        int passes = sizes.get(HeadSizes.STEPS);
        int hidden = context.groupIdy * words * CODES;
        for (int pass = 0; pass < passes; pass++) {
            int mine = pass * GroupScores.ROWS * sharers + local / lanes;
            int first = context.groupIdx * rows + mine;
            // Rows past the last are the last once more, whose sums go nowhere.
            int at0 = Math.min(first, n - 1) * words;
            int at1 = Math.min(first + sharers, n - 1) * words;
            int at2 = Math.min(first + 2 * sharers, n - 1) * words;
            int at3 = Math.min(first + 3 * sharers, n - 1) * words;
            float s0 = 0.0f;
            float s1 = 0.0f;
            float s2 = 0.0f;
            float s3 = 0.0f;
            int i = lane;
            for (; i + lanes < words; i += 2 * lanes) {
                int j = i + lanes;
                long w00 = w.get(at0 + i);
                long w01 = w.get(at0 + j);
                long w10 = w.get(at1 + i);
                long w11 = w.get(at1 + j);
                long w20 = w.get(at2 + i);
                long w21 = w.get(at2 + j);
                long w30 = w.get(at3 + i);
                long w31 = w.get(at3 + j);
                int from = hidden + i * CODES;
                float x0 = h.get(from);
                float x1 = h.get(from + 1);
                float x2 = h.get(from + 2);
                float x3 = h.get(from + 3);
                s0 += product(w00, x0, x1, x2, x3);
                s1 += product(w10, x0, x1, x2, x3);
                s2 += product(w20, x0, x1, x2, x3);
                s3 += product(w30, x0, x1, x2, x3);
                from = hidden + j * CODES;
                x0 = h.get(from);
                x1 = h.get(from + 1);
                x2 = h.get(from + 2);
                x3 = h.get(from + 3);
                s0 += product(w01, x0, x1, x2, x3);
                s1 += product(w11, x0, x1, x2, x3);
                s2 += product(w21, x0, x1, x2, x3);
                s3 += product(w31, x0, x1, x2, x3);
            }
            for (; i < words; i += lanes) {
                int from = hidden + i * CODES;
                float x0 = h.get(from);
                float x1 = h.get(from + 1);
                float x2 = h.get(from + 2);
                float x3 = h.get(from + 3);
                s0 += product(w.get(at0 + i), x0, x1, x2, x3);
                s1 += product(w.get(at1 + i), x0, x1, x2, x3);
                s2 += product(w.get(at2 + i), x0, x1, x2, x3);
                s3 += product(w.get(at3 + i), x0, x1, x2, x3);
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

    /** What four numbers of a row add. */
    private static float product(long word, float x0, float x1, float x2, float x3) {
        int low = (int) word;
        int high = (int) (word >> 32);
        return value(low << 16) * x0 + value(low) * x1 + value(high << 16) * x2 + value(high) * x3;
    }

    /** The number in the upper half of a word. */
    private static float value(int word) {
        return BFloat16.bf16ToFloat((short) (word >> 16));
    }
}
