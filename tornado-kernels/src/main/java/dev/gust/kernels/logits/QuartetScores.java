package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Scores from codes of 4 bits in integers. A word holds the codes of four tokens in two columns, so that
 * {@code (word >> s) & 0x000F000F} times a number of the hidden state is two tokens' products at once: hidden states are
 * rounded to 7 bits for each 32 columns, and 32 products of up to 15 · 63, beginning at 32768, fit 16 bits without a sign.
 * Converting codes one by one would take more time than reading them. Words of four columns are read at a time, as a long.
 *
 * <p>Byte b of a word has tokens 2 (b / 2) and 2 (b / 2) + 1 of a quartet, in column b mod 2. Neighbours read neighbouring
 * quartets; a work-item has blocks of 32 columns. Four tokens to a work-item leave registers for a whole block under way.
 */
public final class QuartetScores {
    /** Quartets of a group: 128 tokens. */
    public static final int QUARTETS = 32;

    /** Tokens of a quartet. */
    public static final int TOKENS = 4;

    /** Longs of a block: 32 columns. */
    public static final int LONGS = 8;

    /** Two sums of no products: far enough from both ends of their 16 bits. */
    private static final int MIDDLE = 0x80008000;

    /** Two tokens' codes. */
    private static final int TWO = 0x000F000F;

    /** Numbers of the hidden state that a work-item reads at a time. */
    private static final int READ = 8;

    /** Most blocks of columns that a group sums up side by side. */
    public static final int MOST_BLOCKS = 8;

    /** Most blocks of a hidden state that are rounded at a time: 18 KiB of local memory. */
    public static final int MOST_SLICE = 128;

    private QuartetScores() {}

    /**
     * The scores, for a group of {@link #QUARTETS} × {@code side} work-items to each panel of as many quartets along x, and one along
     * y for each hidden state. A group rounds the hidden state for itself, into local memory: a launch takes longer.
     *
     * @param words [panels, 8 · blocks, QUARTETS]: the word of two columns, and above it that of the next two
     * @param scaleWords [panels, blocks, 2, QUARTETS]: float16 of tokens 2i and 2i + 1 of each quartet
     * @param h [M, D]
     * @param maxima receives [M, ceil(V / heap)]: see {@link GroupSelect}
     * @param side blocks that are summed up side by side, at most {@link #MOST_BLOCKS}
     * @param slice blocks that are rounded at a time
     * @param d D: places that are made of constants are known before anything is read
     * @param blocks of a row, as in {@code sizes}
     * @param heap as in {@link GroupScores#rowsGroups}
     */
    public static void quartetsGroups(
            KernelContext context,
            LongArray words,
            IntArray scaleWords,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int side,
            int slice,
            int d,
            int blocks,
            int heap) {
        int width = QUARTETS * side;
        long[] units = context.allocateLongLocalArray(16 * slice);
        int[] sums = context.allocateIntLocalArray(4 * slice);
        float[] worths = context.allocateFloatLocalArray(slice);
        float[] highs = context.allocateFloatLocalArray(QUARTETS * side);
        // Eights of the hidden state are 9 apart and rows of sums are 8 longer than they hold, so that a warp's reads
        // fall
        // to different banks.
        float[] partial = context.allocateFloatLocalArray((READ + 1) * QUARTETS * side);
        float[] scores = context.allocateFloatLocalArray(TOKENS * QUARTETS);
        // By sign and exponent of a float16: what a unit of its fraction is worth, and its value without one.
        float[] steps = context.allocateFloatLocalArray(64);
        float[] bases = context.allocateFloatLocalArray(64);
        int n = sizes.get(HeadSizes.ROWS);
        // The blocks, once more: a bound that compilers do not know stays one.
        int all = sizes.get(HeadSizes.STEPS);
        int lane = context.localIdx;
        int row = context.localIdy * QUARTETS + lane;
        int hidden = context.groupIdy * d;
        long[] under = new long[LONGS];
        for (int i = 0; i < LONGS; i++) {
            under[i] = 0;
        }
        float[] read = new float[READ];
        for (int i = 0; i < READ; i++) {
            read[i] = 0.0f;
        }
        float t0 = 0.0f;
        float t1 = 0.0f;
        float t2 = 0.0f;
        float t3 = 0.0f;
        // Where one round is enough and NVIDIA's compiler knows it, it needs 16 registers less: room for a group more.
        int rounds = blocks <= slice ? 1 : all;
        for (int from = 0; from < rounds; from += slice) {
            int count = Math.min(slice, all - from);
            // A work-item's blocks lie behind one another. Each word is read anew as soon as it is used, so that as
            // many are always under way; behind the last block, it is read once more. The first are on their way while
            // the hidden state is rounded.
            int share = (count + side - 1) / side;
            int begin = Math.min(context.localIdy * share, count - 1);
            int end = Math.min((context.localIdy + 1) * share, count);
            int panel = context.groupIdx * blocks + from;
            long place = ((panel + begin) * (LONGS * QUARTETS) + lane) & GroupCodes.PLACES;
            for (int i = 0; i < LONGS; i++) {
                under[i] = words.get((int) (place + i * QUARTETS));
            }
            long scalePlace = ((panel + begin) * (2 * QUARTETS) + lane) & GroupCodes.PLACES;
            int f0 = scaleWords.get((int) scalePlace);
            int f1 = scaleWords.get((int) (scalePlace + QUARTETS));
            for (int i = 0; i < READ; i++) {
                read[i] = h.get(hidden + Math.min(from * 32 + row + i * width, d - 1));
            }
            for (int i = row; i < (from == 0 ? 64 : 0); i += width) {
                int exponent = i & 31;
                float step = (1 << Math.max(exponent, 1)) * 2.9802322e-8f;
                float signed = i < 32 ? step : -step;
                steps[i] = signed;
                bases[i] = exponent == 0 ? 0.0f : 1024.0f * signed;
            }
            // Four work-items to a block.
            for (int early = 0; early < count; early += width / 4) {
                int here = Math.min(width / 4, count - early);
                int first = (from + early) * 32 + row;
                context.localBarrier();
                for (int i = 0; i < READ; i++) {
                    partial[row + row / 8 + i * (width + width / 8)] = first + i * width < d ? read[i] : 0.0f;
                }
                for (int i = 0; i < READ; i++) {
                    read[i] = h.get(hidden + Math.min(first + (i + READ) * width, d - 1));
                }
                context.localBarrier();
                int block = row / 4;
                float high = 0.0f;
                for (int i = 0; i < READ; i++) {
                    float x = partial[row * (READ + 1) + i];
                    high = Math.max(high, Math.max(x, -x));
                }
                highs[row] = high;
                context.localBarrier();
                if (block < here) {
                    float most = Math.max(
                            Math.max(highs[block * 4], highs[block * 4 + 1]),
                            Math.max(highs[block * 4 + 2], highs[block * 4 + 3]));
                    float inverse = most > 0.0f ? 63.0f / most : 0.0f;
                    int sum = 0;
                    for (int i = 0; i < 4; i++) {
                        float x = partial[row * (READ + 1) + 2 * i] * inverse;
                        float z = partial[row * (READ + 1) + (2 * i + 1)] * inverse;
                        int even = (int) (x < 0.0f ? x - 0.5f : x + 0.5f);
                        int odd = (int) (z < 0.0f ? z - 0.5f : z + 0.5f);
                        sum += even + odd;
                        units[early * 16 + row * 4 + i] = ((long) odd << 32) | (even & 0xFFFFFFFFL);
                    }
                    sums[early * 4 + row] = sum;
                    worths[early + block] = most / 63.0f;
                }
            }
            context.localBarrier();
            for (int block = context.localIdy * share; block < end; block++) {
                int following = panel + Math.min(block + 1, end - 1);
                place = (following * (LONGS * QUARTETS) + lane) & GroupCodes.PLACES;
                int a = MIDDLE;
                int b = MIDDLE;
                for (int i = 0; i < LONGS; i++) {
                    long four = under[i];
                    under[i] = words.get((int) (place + i * QUARTETS));
                    long u = units[block * 16 + 2 * i];
                    long v = units[block * 16 + (2 * i + 1)];
                    int low = (int) four;
                    a += (low & TWO) * (int) u;
                    b += ((low >> 4) & TWO) * (int) u;
                    a += ((low >> 8) & TWO) * (int) (u >> 32);
                    b += ((low >> 12) & TWO) * (int) (u >> 32);
                    int high = (int) (four >> 32);
                    a += (high & TWO) * (int) v;
                    b += ((high >> 4) & TWO) * (int) v;
                    a += ((high >> 8) & TWO) * (int) (v >> 32);
                    b += ((high >> 12) & TWO) * (int) (v >> 32);
                }
                int g0 = f0;
                int g1 = f1;
                scalePlace = (following * (2 * QUARTETS) + lane) & GroupCodes.PLACES;
                f0 = scaleWords.get((int) scalePlace);
                f1 = scaleWords.get((int) (scalePlace + QUARTETS));
                float worth = worths[block];
                int sum = sums[block * 4] + sums[block * 4 + 1] + sums[block * 4 + 2] + sums[block * 4 + 3];
                float zero = 32768.0f + 8.0f * sum;
                int k0 = (g0 >> 10) & 63;
                t0 += worth * ((g0 & 1023) * steps[k0] + bases[k0]) * ((float) (a & 0xFFFF) - zero);
                int k1 = (g0 >> 26) & 63;
                t1 += worth * (((g0 >> 16) & 1023) * steps[k1] + bases[k1]) * ((float) (b & 0xFFFF) - zero);
                int k2 = (g1 >> 10) & 63;
                t2 += worth * ((g1 & 1023) * steps[k2] + bases[k2]) * ((float) ((a >> 16) & 0xFFFF) - zero);
                int k3 = (g1 >> 26) & 63;
                t3 += worth * (((g1 >> 16) & 1023) * steps[k3] + bases[k3]) * ((float) ((b >> 16) & 0xFFFF) - zero);
            }
        }
        partial[row] = t0;
        partial[(width + 8) + row] = t1;
        partial[2 * (width + 8) + row] = t2;
        partial[3 * (width + 8) + row] = t3;
        context.localBarrier();
        for (int i = row; i < TOKENS * QUARTETS; i += width) {
            int token = context.groupIdx * (TOKENS * QUARTETS) + i;
            float score = 0.0f;
            for (int j = 0; j < side; j++) {
                score += partial[(i % TOKENS) * (width + 8) + j * QUARTETS + i / TOKENS];
            }
            if (token < n) {
                if (biased != 0) {
                    score += bias.get(token);
                }
                y.set(context.groupIdy * n + token, score);
            } else {
                score = -3.4028235e38f;
            }
            scores[i] = score;
        }
        context.localBarrier();
        int heaps = heap > 0 ? TOKENS * QUARTETS / Math.max(heap, 1) : 0;
        for (int i = row; i < heaps; i += width) {
            int firstToken = context.groupIdx * (TOKENS * QUARTETS) + i * heap;
            if (firstToken < n) {
                float most = scores[i * heap];
                for (int j = 1; j < heap; j++) {
                    most = Math.max(most, scores[i * heap + j]);
                }
                maxima.set(
                        context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + firstToken / Math.max(heap, 1), most);
            }
        }
    }
}
