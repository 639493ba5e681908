package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Scores of all tokens by groups: products with float32 rows, tables of codebooks, sums of their entries, scatter. */
public final class GroupScores {
    /** Work-items of a group. */
    public static final int LOCAL = 256;

    /** Rows that a work-item sums up at a time, so that what it reads of h serves all of them. */
    public static final int ROWS = 4;

    /** Words of codes whose tables are in local memory at a time: those of 4 words, or 16 codebooks, take 16 KiB. */
    public static final int SLICE = 4;

    /** Work-items of a group that looks up codes. */
    public static final int CODE_LOCAL = 512;

    /** Most tokens of a work-item that looks up codes. */
    public static final int MOST_PASSES = 4;

    private GroupScores() {}

    /**
     * y = h · Wᵀ + bias, for ceil(N / (LOCAL / lanes · ROWS)) groups along x and one along y for each hidden state.
     *
     * @param w [N, D]
     * @param maxima receives [M, ceil(N / heap)]: see {@link GroupBest}
     * @param lanes work-items to a row, a power of two: neighbours read neighbouring numbers
     * @param heap rows whose greatest score is wanted, a power of two and at most {@link GroupBest#MOST_HEAP}; 0 for no maxima
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
            int heap) {
        float[] partial = context.allocateFloatLocalArray(LOCAL * ROWS);
        float[] scores = context.allocateFloatLocalArray(LOCAL / lanes * ROWS);
        int local = context.localIdx;
        int lane = local % lanes;
        int sharers = LOCAL / lanes;
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int hidden = context.groupIdy * d;
        int first = context.groupIdx * sharers * ROWS + local / lanes;
        int at0 = Math.min(first, n - 1) * d;
        int at1 = Math.min(first + sharers, n - 1) * d;
        int at2 = Math.min(first + 2 * sharers, n - 1) * d;
        int at3 = Math.min(first + 3 * sharers, n - 1) * d;
        float s0 = 0.0f;
        float s1 = 0.0f;
        float s2 = 0.0f;
        float s3 = 0.0f;
        for (int i = lane; i < d; i += lanes) {
            float x = h.get(hidden + i);
            s0 += x * w.get(at0 + i);
            s1 += x * w.get(at1 + i);
            s2 += x * w.get(at2 + i);
            s3 += x * w.get(at3 + i);
        }
        partial[local] = s0;
        partial[LOCAL + local] = s1;
        partial[2 * LOCAL + local] = s2;
        partial[3 * LOCAL + local] = s3;
        for (int stride = lanes / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                partial[local] += partial[local + stride];
                partial[LOCAL + local] += partial[LOCAL + local + stride];
                partial[2 * LOCAL + local] += partial[2 * LOCAL + local + stride];
                partial[3 * LOCAL + local] += partial[3 * LOCAL + local + stride];
            }
        }
        context.localBarrier();
        if (local < sharers * ROWS) {
            int row = context.groupIdx * sharers * ROWS + local;
            float score = -3.4028235e38f;
            if (row < n) {
                score = partial[(local / sharers) * LOCAL + (local % sharers) * lanes];
                if (biased != 0) {
                    score += bias.get(row);
                }
                y.set(context.groupIdy * n + row, score);
            }
            scores[local] = score;
        }
        context.localBarrier();
        int place = context.groupIdx * sharers * ROWS + local * heap;
        if (local * heap < sharers * ROWS && place < n && heap > 0) {
            float most = scores[local * heap];
            for (int i = 1; i < heap; i++) {
                most = Math.max(most, scores[local * heap + i]);
            }
            maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
        }
    }

    /**
     * Products of a hidden state with all entries of all codebooks, one to a work-item: S groups along x, one along y for
     * each hidden state. Arguments as in {@link PortableScores#tablesPortable}.
     */
    public static void tablesGroups(
            KernelContext context,
            FloatArray columns,
            FloatArray h,
            FloatArray tables,
            IntArray sizes,
            int step,
            int width) {
        int book = context.groupIdx;
        int entry = context.localIdx;
        int d = sizes.get(HeadSizes.COLUMNS);
        int from = book * step;
        int count = Math.max(0, Math.min(width, d - from));
        int books = context.globalGroupSizeX / LOCAL;
        float sum = 0.0f;
        for (int i = 0; i < count; i++) {
            sum += h.get(context.groupIdy * d + from + i) * columns.get((book * width + i) * 256 + entry);
        }
        tables.set((context.groupIdy * books + book) * 256 + entry, sum);
    }

    /**
     * The sum of what a token's codes name in the tables, which pass through local memory a slice at a time while the next one
     * is on its way: ceil(V / (CODE_LOCAL / parts · passes)) groups of {@link #CODE_LOCAL} along x, one along y for each hidden
     * state. Arguments as in {@link PortableScores#codesPortable} and {@link #rowsGroups}, and
     *
     * @param parts work-items to a token, a power of two up to {@link #SLICE}: each sums a part of its codes
     * @param passes tokens of a work-item, at most {@link #MOST_PASSES}: filling tables is worth it only for many
     */
    public static void codesGroups(
            KernelContext context,
            IntArray codes,
            FloatArray tables,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int parts,
            int passes,
            int heap) {
        float[] slice = context.allocateFloatLocalArray(SLICE * 1024);
        float[] scores = context.allocateFloatLocalArray(CODE_LOCAL);
        int local = context.localIdx;
        int width = CODE_LOCAL / parts;
        int part = local / width;
        int n = sizes.get(HeadSizes.ROWS);
        int steps = sizes.get(HeadSizes.STEPS);
        int first = context.groupIdx * width * passes + local % width;
        int begin = context.groupIdy * steps * 1024;
        int last = steps * 1024 - 1;
        float[] sums = new float[MOST_PASSES];
        for (int t = 0; t < MOST_PASSES; t++) {
            sums[t] = 0.0f;
        }
        float[] next = new float[SLICE * 1024 / CODE_LOCAL];
        for (int i = 0; i < SLICE * 1024 / CODE_LOCAL; i++) {
            next[i] = tables.get(begin + Math.min(i * CODE_LOCAL + local, last));
        }
        for (int from = 0; from < steps; from += SLICE) {
            context.localBarrier();
            for (int i = 0; i < SLICE * 1024 / CODE_LOCAL; i++) {
                slice[i * CODE_LOCAL + local] = next[i];
            }
            context.localBarrier();
            for (int i = 0; i < SLICE * 1024 / CODE_LOCAL; i++) {
                next[i] = tables.get(begin + Math.min((from + SLICE) * 1024 + i * CODE_LOCAL + local, last));
            }
            int count = Math.min(SLICE, steps - from);
            for (int t = 0; t < passes; t++) {
                int token = Math.min(first + t * width, n - 1);
                float sum = 0.0f;
                for (int j = part; j < count; j += parts) {
                    int word = codes.get((from + j) * n + token);
                    int at = j * 1024;
                    sum += slice[at + (word & 255)]
                            + slice[at + 256 + ((word >> 8) & 255)]
                            + slice[at + 512 + ((word >> 16) & 255)]
                            + slice[at + 768 + ((word >> 24) & 255)];
                }
                sums[t] += sum;
            }
        }
        for (int t = 0; t < passes; t++) {
            context.localBarrier();
            scores[local] = sums[t];
            context.localBarrier();
            int token = first + t * width;
            if (local < width) {
                float score = scores[local];
                for (int q = 1; q < parts; q++) {
                    score += scores[q * width + local];
                }
                if (token < n) {
                    if (biased != 0) {
                        score += bias.get(token);
                    }
                    y.set(context.groupIdy * n + token, score);
                } else {
                    score = -3.4028235e38f;
                }
                scores[local] = score;
            }
            context.localBarrier();
            int place = (context.groupIdx * passes + t) * width + local * heap;
            if (local * heap < width && place < n && heap > 0) {
                float most = scores[local * heap];
                for (int i = 1; i < heap; i++) {
                    most = Math.max(most, scores[local * heap + i]);
                }
                maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
            }
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
