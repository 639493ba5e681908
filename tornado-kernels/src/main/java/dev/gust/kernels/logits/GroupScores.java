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

    /** Words of codes whose tables are in local memory at a time: 8 codebooks of 4 to a word take 32 KiB. */
    public static final int SLICE = 8;

    /** Tokens of a work-item: filling tables is worth it only for many. */
    public static final int TOKENS = 8;

    private GroupScores() {}

    /**
     * y = h · Wᵀ + bias, for ceil(N / (LOCAL / lanes · ROWS)) groups along x and one along y for each hidden state.
     *
     * @param w [N, D]
     * @param lanes work-items to a row, a power of two: neighbours read neighbouring numbers
     */
    public static void rowsGroups(
            KernelContext context,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray sizes,
            int biased,
            int lanes) {
        float[] partial = context.allocateFloatLocalArray(LOCAL * ROWS);
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
            if (row < n) {
                float sum = partial[(local / sharers) * LOCAL + (local % sharers) * lanes];
                if (biased != 0) {
                    sum += bias.get(row);
                }
                y.set(context.groupIdy * n + row, sum);
            }
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
     * The sum of what a token's codes name in the tables, which lie in local memory: ceil(V / (LOCAL · TOKENS)) groups
     * along x, one along y for each hidden state. Arguments as in {@link PortableScores#codesPortable}.
     */
    public static void codesGroups(
            KernelContext context,
            IntArray codes,
            FloatArray tables,
            FloatArray bias,
            FloatArray y,
            IntArray sizes,
            int biased) {
        float[] slice = context.allocateFloatLocalArray(SLICE * 1024);
        int local = context.localIdx;
        int n = sizes.get(HeadSizes.ROWS);
        int steps = sizes.get(HeadSizes.STEPS);
        int first = context.groupIdx * LOCAL * TOKENS + local;
        float[] sums = new float[TOKENS];
        for (int t = 0; t < TOKENS; t++) {
            sums[t] = 0.0f;
        }
        for (int from = 0; from < steps; from += SLICE) {
            int count = Math.min(SLICE, steps - from);
            context.localBarrier();
            for (int i = local; i < count * 1024; i += LOCAL) {
                slice[i] = tables.get((context.groupIdy * steps + from) * 1024 + i);
            }
            context.localBarrier();
            for (int t = 0; t < TOKENS; t++) {
                int token = Math.min(first + t * LOCAL, n - 1);
                float sum = 0.0f;
                for (int j = 0; j < count; j++) {
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
        for (int t = 0; t < TOKENS; t++) {
            int token = first + t * LOCAL;
            if (token < n) {
                float sum = sums[t];
                if (biased != 0) {
                    sum += bias.get(token);
                }
                y.set(context.groupIdy * n + token, sum);
            }
        }
    }

    /**
     * Gives each token its cluster's logit: ceil(V / LOCAL) groups along x, one along y for each hidden state.
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
            IntArray sizes,
            int biased,
            int k) {
        int token = context.groupIdx * LOCAL + context.localIdx;
        int n = sizes.get(HeadSizes.ROWS);
        if (token < n) {
            float logit = logits.get(context.groupIdy * k + assignments.get(token));
            if (biased != 0) {
                logit += bias.get(token);
            }
            y.set(context.groupIdy * n + token, logit);
        }
    }
}
