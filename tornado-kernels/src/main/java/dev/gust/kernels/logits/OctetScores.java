package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Scores from codes of 4 bits in integers. A word holds the codes of eight tokens in one column, so that
 * {@code (word >> s) & 0x000F000F} times a number of the hidden state is two tokens' products at once: hidden states are
 * rounded to 7 bits for each 32 columns, and 32 products of up to 15 · 63, beginning at 32768, fit 16 bits without a sign.
 * Converting codes one by one would take more time than reading them. Words of two columns are read at a time, as a long.
 *
 * <p>Token t of an octet has bits 4t to 4t + 3. Neighbours read neighbouring octets; a work-item has blocks of 32 columns.
 */
public final class OctetScores {
    /** Octets of a group: 256 tokens. */
    public static final int OCTETS = 32;

    /** Pairs of columns that are under way at a time. */
    private static final int STRETCH = 4;

    /** Two sums of no products: far enough from both ends of their 16 bits. */
    private static final int MIDDLE = 0x80008000;

    /** Most blocks of columns that a group sums up side by side. */
    public static final int MOST_BLOCKS = 8;

    /** Most blocks of a hidden state that are rounded at a time: 18 KiB of local memory. */
    public static final int MOST_SLICE = 128;

    private OctetScores() {}

    /**
     * The scores, for a group of {@link #OCTETS} × {@code side} work-items to each panel of as many octets along x, and one along y
     * for each hidden state. A group rounds the hidden state for itself, into local memory: a launch takes longer.
     *
     * @param pairs [panels, 16 · blocks, OCTETS]: the word of an even column, and above it that of the next
     * @param scaleWords [panels, blocks, 4, OCTETS]: float16 of tokens 2i and 2i + 1 of each octet
     * @param h [M, D]
     * @param maxima receives [M, ceil(V / heap)]: see {@link GroupSelect}
     * @param side blocks that are summed up side by side, at most {@link #MOST_BLOCKS}
     * @param slice blocks that are rounded at a time
     * @param heap as in {@link GroupScores#rowsGroups}
     */
    public static void octetsGroups(
            KernelContext context,
            LongArray pairs,
            IntArray scaleWords,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int side,
            int slice,
            int heap) {
        long[] units = context.allocateLongLocalArray(16 * slice);
        int[] sums = context.allocateIntLocalArray(4 * slice);
        float[] worths = context.allocateFloatLocalArray(slice);
        float[] highs = context.allocateFloatLocalArray(OCTETS * side);
        // Rows are 4 longer than they hold, so that a warp's reads of eight rows fall to different banks.
        float[] partial = context.allocateFloatLocalArray(8 * (OCTETS * side + 4));
        float[] scores = context.allocateFloatLocalArray(8 * OCTETS);
        // By sign and exponent of a float16: what a unit of its fraction is worth, and its value without one.
        float[] steps = context.allocateFloatLocalArray(64);
        float[] bases = context.allocateFloatLocalArray(64);
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int blocks = sizes.get(HeadSizes.STEPS);
        int halves = sizes.get(HeadSizes.BLOCK) / 2;
        int lane = context.localIdx;
        int width = OCTETS * side;
        int row = context.localIdy * OCTETS + lane;
        int hidden = context.groupIdy * d;
        for (int i = row; i < 64; i += width) {
            int exponent = i & 31;
            float step = (1 << Math.max(exponent, 1)) * 2.9802322e-8f;
            float signed = i < 32 ? step : -step;
            steps[i] = signed;
            bases[i] = exponent == 0 ? 0.0f : 1024.0f * signed;
        }
        float t0 = 0.0f;
        float t1 = 0.0f;
        float t2 = 0.0f;
        float t3 = 0.0f;
        float t4 = 0.0f;
        float t5 = 0.0f;
        float t6 = 0.0f;
        float t7 = 0.0f;
        for (int from = 0; from < blocks; from += slice) {
            int count = Math.min(slice, blocks - from);
            // A work-item's blocks lie behind one another. Each pair is read anew as soon as it is used, so that as
            // many are always under way; behind the last, the last ones are read once more. The first are on their
            // way while the hidden state is rounded.
            int share = (count + side - 1) / side;
            int begin = Math.min(context.localIdy * share, count - 1);
            int end = Math.min((context.localIdy + 1) * share, count);
            int panel = (context.groupIdx * blocks + from) * 16 * OCTETS + lane;
            int at = panel + begin * 16 * OCTETS;
            int last = panel + Math.max(end * 16 - STRETCH, begin * 16) * OCTETS;
            long p0 = pairs.get(at);
            long p1 = pairs.get(at + OCTETS);
            long p2 = pairs.get(at + 2 * OCTETS);
            long p3 = pairs.get(at + 3 * OCTETS);
            // Four work-items to a block.
            for (int early = 0; early < count; early += 8 * side) {
                int here = Math.min(8 * side, count - early);
                context.localBarrier();
                for (int i = row; i < 32 * here; i += width) {
                    int column = (from + early) * 32 + i;
                    float x = h.get(hidden + Math.min(column, d - 1));
                    partial[i] = column < d ? x : 0.0f;
                }
                context.localBarrier();
                int block = row / 4;
                float high = 0.0f;
                if (block < here) {
                    for (int i = 0; i < 8; i++) {
                        // Each begins elsewhere, in a bank of its own.
                        float x = partial[row * 8 + ((i + block) & 7)];
                        high = Math.max(high, Math.max(x, -x));
                    }
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
                        int two = row * 4 + ((i + block) & 3);
                        float x = partial[2 * two] * inverse;
                        float z = partial[2 * two + 1] * inverse;
                        int even = (int) (x < 0.0f ? x - 0.5f : x + 0.5f);
                        int odd = (int) (z < 0.0f ? z - 0.5f : z + 0.5f);
                        sum += even + odd;
                        units[early * 16 + two] = ((long) odd << 32) | (even & 0xFFFFFFFFL);
                    }
                    sums[early * 4 + row] = sum;
                    worths[early + block] = most / 63.0f;
                }
            }
            context.localBarrier();
            for (int block = context.localIdy * share; block < end; block++) {
                int scaleAt = (context.groupIdx * blocks + from + block) * 4 * OCTETS + lane;
                int f0 = scaleWords.get(scaleAt);
                int f1 = scaleWords.get(scaleAt + OCTETS);
                int f2 = scaleWords.get(scaleAt + 2 * OCTETS);
                int f3 = scaleWords.get(scaleAt + 3 * OCTETS);
                int a = MIDDLE;
                int b = MIDDLE;
                int c = MIDDLE;
                int e = MIDDLE;
                int unit = block * 16;
                for (int i = 0; i < halves; i += STRETCH) {
                    at = Math.min(at + STRETCH * OCTETS, last);
                    long u0 = units[unit + i];
                    int x0 = (int) u0;
                    int w0 = (int) p0;
                    a += (w0 & 0x000F000F) * x0;
                    b += ((w0 >> 4) & 0x000F000F) * x0;
                    c += ((w0 >> 8) & 0x000F000F) * x0;
                    e += ((w0 >> 12) & 0x000F000F) * x0;
                    int z0 = (int) (u0 >> 32);
                    int v0 = (int) (p0 >> 32);
                    a += (v0 & 0x000F000F) * z0;
                    b += ((v0 >> 4) & 0x000F000F) * z0;
                    c += ((v0 >> 8) & 0x000F000F) * z0;
                    e += ((v0 >> 12) & 0x000F000F) * z0;
                    p0 = pairs.get(at);
                    long u1 = units[unit + i + 1];
                    int x1 = (int) u1;
                    int w1 = (int) p1;
                    a += (w1 & 0x000F000F) * x1;
                    b += ((w1 >> 4) & 0x000F000F) * x1;
                    c += ((w1 >> 8) & 0x000F000F) * x1;
                    e += ((w1 >> 12) & 0x000F000F) * x1;
                    int z1 = (int) (u1 >> 32);
                    int v1 = (int) (p1 >> 32);
                    a += (v1 & 0x000F000F) * z1;
                    b += ((v1 >> 4) & 0x000F000F) * z1;
                    c += ((v1 >> 8) & 0x000F000F) * z1;
                    e += ((v1 >> 12) & 0x000F000F) * z1;
                    p1 = pairs.get(at + OCTETS);
                    long u2 = units[unit + i + 2];
                    int x2 = (int) u2;
                    int w2 = (int) p2;
                    a += (w2 & 0x000F000F) * x2;
                    b += ((w2 >> 4) & 0x000F000F) * x2;
                    c += ((w2 >> 8) & 0x000F000F) * x2;
                    e += ((w2 >> 12) & 0x000F000F) * x2;
                    int z2 = (int) (u2 >> 32);
                    int v2 = (int) (p2 >> 32);
                    a += (v2 & 0x000F000F) * z2;
                    b += ((v2 >> 4) & 0x000F000F) * z2;
                    c += ((v2 >> 8) & 0x000F000F) * z2;
                    e += ((v2 >> 12) & 0x000F000F) * z2;
                    p2 = pairs.get(at + 2 * OCTETS);
                    long u3 = units[unit + i + 3];
                    int x3 = (int) u3;
                    int w3 = (int) p3;
                    a += (w3 & 0x000F000F) * x3;
                    b += ((w3 >> 4) & 0x000F000F) * x3;
                    c += ((w3 >> 8) & 0x000F000F) * x3;
                    e += ((w3 >> 12) & 0x000F000F) * x3;
                    int z3 = (int) (u3 >> 32);
                    int v3 = (int) (p3 >> 32);
                    a += (v3 & 0x000F000F) * z3;
                    b += ((v3 >> 4) & 0x000F000F) * z3;
                    c += ((v3 >> 8) & 0x000F000F) * z3;
                    e += ((v3 >> 12) & 0x000F000F) * z3;
                    p3 = pairs.get(at + 3 * OCTETS);
                }
                float worth = worths[block];
                int sum = sums[block * 4] + sums[block * 4 + 1] + sums[block * 4 + 2] + sums[block * 4 + 3];
                float zero = 32768.0f + 8.0f * sum;
                int k0 = (f0 >> 10) & 63;
                t0 += worth * ((f0 & 1023) * steps[k0] + bases[k0]) * ((float) (a & 0xFFFF) - zero);
                int k1 = (f0 >> 26) & 63;
                t1 += worth * (((f0 >> 16) & 1023) * steps[k1] + bases[k1]) * ((float) (b & 0xFFFF) - zero);
                int k2 = (f1 >> 10) & 63;
                t2 += worth * ((f1 & 1023) * steps[k2] + bases[k2]) * ((float) (c & 0xFFFF) - zero);
                int k3 = (f1 >> 26) & 63;
                t3 += worth * (((f1 >> 16) & 1023) * steps[k3] + bases[k3]) * ((float) (e & 0xFFFF) - zero);
                int k4 = (f2 >> 10) & 63;
                t4 += worth * ((f2 & 1023) * steps[k4] + bases[k4]) * ((float) ((a >> 16) & 0xFFFF) - zero);
                int k5 = (f2 >> 26) & 63;
                t5 += worth * (((f2 >> 16) & 1023) * steps[k5] + bases[k5]) * ((float) ((b >> 16) & 0xFFFF) - zero);
                int k6 = (f3 >> 10) & 63;
                t6 += worth * ((f3 & 1023) * steps[k6] + bases[k6]) * ((float) ((c >> 16) & 0xFFFF) - zero);
                int k7 = (f3 >> 26) & 63;
                t7 += worth * (((f3 >> 16) & 1023) * steps[k7] + bases[k7]) * ((float) ((e >> 16) & 0xFFFF) - zero);
            }
        }
        partial[row] = t0;
        partial[(width + 4) + row] = t1;
        partial[2 * (width + 4) + row] = t2;
        partial[3 * (width + 4) + row] = t3;
        partial[4 * (width + 4) + row] = t4;
        partial[5 * (width + 4) + row] = t5;
        partial[6 * (width + 4) + row] = t6;
        partial[7 * (width + 4) + row] = t7;
        context.localBarrier();
        for (int i = row; i < 8 * OCTETS; i += width) {
            int token = context.groupIdx * 8 * OCTETS + i;
            float score = 0.0f;
            for (int j = 0; j < side; j++) {
                score += partial[(i % 8) * (width + 4) + j * OCTETS + i / 8];
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
        int heaps = heap > 0 ? 8 * OCTETS / Math.max(heap, 1) : 0;
        for (int i = row; i < heaps; i += width) {
            int place = context.groupIdx * 8 * OCTETS + i * heap;
            if (place < n) {
                float most = scores[i * heap];
                for (int j = 1; j < heap; j++) {
                    most = Math.max(most, scores[i * heap + j]);
                }
                maxima.set(context.groupIdy * ((n + heap - 1) / Math.max(heap, 1)) + place / Math.max(heap, 1), most);
            }
        }
    }
}
