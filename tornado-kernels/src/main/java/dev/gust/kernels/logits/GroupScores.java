package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Scores of all tokens by groups: products with float32 rows, and those of clusters. */
public final class GroupScores {
    /** Work-items of a group. */
    public static final int LOCAL = 256;

    /** Rows that a work-item sums up at a time, so that what it reads of h serves all of them. */
    public static final int ROWS = 4;

    private GroupScores() {}

    /**
     * y = h · Wᵀ + bias, for ceil(N / rows) groups along x and one along y for each hidden state. No work-item waits for another
     * before all rows of its group are read.
     *
     * @param w [N, D]
     * @param maxima receives [M, ceil(N / heap)]: see {@link GroupSelect}
     * @param sizes its steps are rows / (LOCAL / lanes · ROWS)
     * @param lanes work-items to a row, a power of two from 8 to LOCAL: neighbours read neighbouring numbers
     * @param rows rows of a group: 32, or as many as it takes up at a time, if that is more
     * @param heap rows whose greatest score is wanted, a power of two and at most {@link GroupSelect#MOST_HEAP}; 0 for no maxima
     */
    public static void rowsGroups(
            KernelContext context,
            FloatArray w,
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
        int adders = LOCAL / rows;
        int pitch = lanes + adders;
        float[] partial = context.allocateFloatLocalArray(rows * (lanes + 8));
        float[] scores = context.allocateFloatLocalArray(LOCAL);
        int local = context.localIdx;
        int lane = local % lanes;
        int sharers = LOCAL / lanes;
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int passes = sizes.get(HeadSizes.STEPS);
        int hidden = context.groupIdy * d;
        for (int pass = 0; pass < passes; pass++) {
            int mine = pass * ROWS * sharers + local / lanes;
            int first = context.groupIdx * rows + mine;
            int at0 = Math.min(first, n - 1) * d;
            int at1 = Math.min(first + sharers, n - 1) * d;
            int at2 = Math.min(first + 2 * sharers, n - 1) * d;
            int at3 = Math.min(first + 3 * sharers, n - 1) * d;
            float s0 = 0.0f;
            float s1 = 0.0f;
            float s2 = 0.0f;
            float s3 = 0.0f;
            for (int i = lane; i < d; i += 4 * lanes) {
                int j = Math.min(i + lanes, d - 1);
                int k = Math.min(i + 2 * lanes, d - 1);
                int l = Math.min(i + 3 * lanes, d - 1);
                float w00 = w.get(at0 + i);
                float w01 = w.get(at0 + j);
                float w02 = w.get(at0 + k);
                float w03 = w.get(at0 + l);
                float w10 = w.get(at1 + i);
                float w11 = w.get(at1 + j);
                float w12 = w.get(at1 + k);
                float w13 = w.get(at1 + l);
                float w20 = w.get(at2 + i);
                float w21 = w.get(at2 + j);
                float w22 = w.get(at2 + k);
                float w23 = w.get(at2 + l);
                float w30 = w.get(at3 + i);
                float w31 = w.get(at3 + j);
                float w32 = w.get(at3 + k);
                float w33 = w.get(at3 + l);
                float x0 = h.get(hidden + i);
                float x1 = i + lanes < d ? h.get(hidden + j) : 0.0f;
                float x2 = i + 2 * lanes < d ? h.get(hidden + k) : 0.0f;
                float x3 = i + 3 * lanes < d ? h.get(hidden + l) : 0.0f;
                s0 += x0 * w00 + x1 * w01 + x2 * w02 + x3 * w03;
                s1 += x0 * w10 + x1 * w11 + x2 * w12 + x3 * w13;
                s2 += x0 * w20 + x1 * w21 + x2 * w22 + x3 * w23;
                s3 += x0 * w30 + x1 * w31 + x2 * w32 + x3 * w33;
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

    /**
     * Gives each token its cluster's logit: ceil(V / LOCAL) groups along x, one along y for each hidden state. Other arguments
     * as in {@link #rowsGroups}.
     *
     * @param logits [M, K]
     * @param k K
     */
    public static void scatterGroups(
            KernelContext context,
            FloatArray logits,
            IntArray assignments,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int k,
            int heap) {
        float[] scores = context.allocateFloatLocalArray(LOCAL);
        int local = context.localIdx;
        int token = context.groupIdx * LOCAL + local;
        int n = sizes.get(HeadSizes.ROWS);
        float score = -3.4028235e38f;
        if (token < n) {
            score = logits.get(context.groupIdy * k + assignments.get(token));
            if (biased != 0) {
                score += bias.get(token);
            }
            y.set(context.groupIdy * n + token, score);
        }
        scores[local] = score;
        context.localBarrier();
        int place = context.groupIdx * LOCAL + local * heap;
        if (local * heap < LOCAL && place < n && heap > 0) {
            float most = scores[local * heap];
            for (int i = 1; i < heap; i++) {
                most = Math.max(most, scores[local * heap + i]);
            }
            maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
        }
    }
}
