package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Scores from codes of 4 bits in integers. A word holds the codes of eight tokens in one column, so that
 * {@code (word >> s) & 0x000F000F} times a number of the hidden state is two tokens' products at once: hidden states are
 * rounded to 7 bits for each 32 columns, and 32 products of up to 15 · 63 fit 16 bits with their sign. Converting codes one
 * by one would take more time than reading them.
 *
 * <p>Token t of an octet has bits 4t to 4t + 3. Neighbours read neighbouring octets; a work-item has a block of 32 columns.
 */
public final class OctetScores {
    /** Octets of a group: 256 tokens. */
    public static final int OCTETS = 32;

    /** Most blocks of columns that a group sums up side by side. */
    public static final int MOST_BLOCKS = 8;

    /** Most blocks of a hidden state that are rounded at a time: 18 KiB of local memory. */
    public static final int MOST_SLICE = 128;

    private OctetScores() {}

    /**
     * The scores, for a group of {@link #OCTETS} × {@code side} work-items to each panel of as many octets along x, and one along y
     * for each hidden state. A group rounds the hidden state for itself, into local memory: a launch takes longer.
     *
     * @param words [panels, 32 · blocks, OCTETS]
     * @param scaleWords [panels, blocks, 4, OCTETS]: float16 of tokens 2i and 2i + 1 of each octet
     * @param h [M, D]
     * @param maxima receives [M, ceil(V / heap)]: see {@link GroupBest}
     * @param side blocks that are summed up side by side, at most {@link #MOST_BLOCKS}
     * @param slice blocks that are rounded at a time
     * @param heap as in {@link GroupScores#rowsGroups}
     */
    public static void octetsGroups(
            KernelContext context,
            IntArray words,
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
        int[] units = context.allocateIntLocalArray(32 * slice);
        int[] sums = context.allocateIntLocalArray(4 * slice);
        float[] worths = context.allocateFloatLocalArray(slice);
        float[] highs = context.allocateFloatLocalArray(OCTETS * side);
        // Rows are 4 longer than they hold, so that a warp's reads of eight rows fall to different banks.
        float[] partial = context.allocateFloatLocalArray(8 * (OCTETS * side + 4));
        float[] scores = context.allocateFloatLocalArray(8 * OCTETS);
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int blocks = sizes.get(HeadSizes.STEPS);
        int columns = sizes.get(HeadSizes.BLOCK);
        int lane = context.localIdx;
        int width = OCTETS * side;
        int row = context.localIdy * OCTETS + lane;
        int hidden = context.groupIdy * d;
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
            // Four work-items to a block.
            for (int begin = 0; begin < count; begin += 8 * side) {
                int here = Math.min(8 * side, count - begin);
                context.localBarrier();
                for (int i = row; i < 32 * here; i += width) {
                    int column = (from + begin) * 32 + i;
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
                    for (int i = 0; i < 8; i++) {
                        int at = row * 8 + ((i + block) & 7);
                        float x = partial[at] * inverse;
                        float away = x < 0.0f ? x - 0.5f : x + 0.5f;
                        int unit = (int) away;
                        sum += unit;
                        units[begin * 32 + at] = unit;
                    }
                    sums[begin * 4 + row] = sum;
                    worths[begin + block] = most / 63.0f;
                }
            }
            context.localBarrier();
            for (int block = context.localIdy; block < count; block += side) {
                int a = 0;
                int b = 0;
                int c = 0;
                int e = 0;
                // Ahead of the codes, so that nobody waits for them at the end.
                int scaleAt = (context.groupIdx * blocks + from + block) * 4 * OCTETS + lane;
                int p = scaleWords.get(scaleAt);
                int q = scaleWords.get(scaleAt + OCTETS);
                int r = scaleWords.get(scaleAt + 2 * OCTETS);
                int s = scaleWords.get(scaleAt + 3 * OCTETS);
                int at = (context.groupIdx * blocks + from + block) * 32 * OCTETS + lane;
                int unit = block * 32;
                for (int i = 0; i < columns; i += 16) {
                    int w0 = words.get(at);
                    int w1 = words.get(at + OCTETS);
                    int w2 = words.get(at + 2 * OCTETS);
                    int w3 = words.get(at + 3 * OCTETS);
                    int w4 = words.get(at + 4 * OCTETS);
                    int w5 = words.get(at + 5 * OCTETS);
                    int w6 = words.get(at + 6 * OCTETS);
                    int w7 = words.get(at + 7 * OCTETS);
                    int w8 = words.get(at + 8 * OCTETS);
                    int w9 = words.get(at + 9 * OCTETS);
                    int w10 = words.get(at + 10 * OCTETS);
                    int w11 = words.get(at + 11 * OCTETS);
                    int w12 = words.get(at + 12 * OCTETS);
                    int w13 = words.get(at + 13 * OCTETS);
                    int w14 = words.get(at + 14 * OCTETS);
                    int w15 = words.get(at + 15 * OCTETS);
                    at += 16 * OCTETS;
                    int x0 = units[unit + i];
                    a += (w0 & 0x000F000F) * x0;
                    b += ((w0 >> 4) & 0x000F000F) * x0;
                    c += ((w0 >> 8) & 0x000F000F) * x0;
                    e += ((w0 >> 12) & 0x000F000F) * x0;
                    int x1 = units[unit + i + 1];
                    a += (w1 & 0x000F000F) * x1;
                    b += ((w1 >> 4) & 0x000F000F) * x1;
                    c += ((w1 >> 8) & 0x000F000F) * x1;
                    e += ((w1 >> 12) & 0x000F000F) * x1;
                    int x2 = units[unit + i + 2];
                    a += (w2 & 0x000F000F) * x2;
                    b += ((w2 >> 4) & 0x000F000F) * x2;
                    c += ((w2 >> 8) & 0x000F000F) * x2;
                    e += ((w2 >> 12) & 0x000F000F) * x2;
                    int x3 = units[unit + i + 3];
                    a += (w3 & 0x000F000F) * x3;
                    b += ((w3 >> 4) & 0x000F000F) * x3;
                    c += ((w3 >> 8) & 0x000F000F) * x3;
                    e += ((w3 >> 12) & 0x000F000F) * x3;
                    int x4 = units[unit + i + 4];
                    a += (w4 & 0x000F000F) * x4;
                    b += ((w4 >> 4) & 0x000F000F) * x4;
                    c += ((w4 >> 8) & 0x000F000F) * x4;
                    e += ((w4 >> 12) & 0x000F000F) * x4;
                    int x5 = units[unit + i + 5];
                    a += (w5 & 0x000F000F) * x5;
                    b += ((w5 >> 4) & 0x000F000F) * x5;
                    c += ((w5 >> 8) & 0x000F000F) * x5;
                    e += ((w5 >> 12) & 0x000F000F) * x5;
                    int x6 = units[unit + i + 6];
                    a += (w6 & 0x000F000F) * x6;
                    b += ((w6 >> 4) & 0x000F000F) * x6;
                    c += ((w6 >> 8) & 0x000F000F) * x6;
                    e += ((w6 >> 12) & 0x000F000F) * x6;
                    int x7 = units[unit + i + 7];
                    a += (w7 & 0x000F000F) * x7;
                    b += ((w7 >> 4) & 0x000F000F) * x7;
                    c += ((w7 >> 8) & 0x000F000F) * x7;
                    e += ((w7 >> 12) & 0x000F000F) * x7;
                    int x8 = units[unit + i + 8];
                    a += (w8 & 0x000F000F) * x8;
                    b += ((w8 >> 4) & 0x000F000F) * x8;
                    c += ((w8 >> 8) & 0x000F000F) * x8;
                    e += ((w8 >> 12) & 0x000F000F) * x8;
                    int x9 = units[unit + i + 9];
                    a += (w9 & 0x000F000F) * x9;
                    b += ((w9 >> 4) & 0x000F000F) * x9;
                    c += ((w9 >> 8) & 0x000F000F) * x9;
                    e += ((w9 >> 12) & 0x000F000F) * x9;
                    int x10 = units[unit + i + 10];
                    a += (w10 & 0x000F000F) * x10;
                    b += ((w10 >> 4) & 0x000F000F) * x10;
                    c += ((w10 >> 8) & 0x000F000F) * x10;
                    e += ((w10 >> 12) & 0x000F000F) * x10;
                    int x11 = units[unit + i + 11];
                    a += (w11 & 0x000F000F) * x11;
                    b += ((w11 >> 4) & 0x000F000F) * x11;
                    c += ((w11 >> 8) & 0x000F000F) * x11;
                    e += ((w11 >> 12) & 0x000F000F) * x11;
                    int x12 = units[unit + i + 12];
                    a += (w12 & 0x000F000F) * x12;
                    b += ((w12 >> 4) & 0x000F000F) * x12;
                    c += ((w12 >> 8) & 0x000F000F) * x12;
                    e += ((w12 >> 12) & 0x000F000F) * x12;
                    int x13 = units[unit + i + 13];
                    a += (w13 & 0x000F000F) * x13;
                    b += ((w13 >> 4) & 0x000F000F) * x13;
                    c += ((w13 >> 8) & 0x000F000F) * x13;
                    e += ((w13 >> 12) & 0x000F000F) * x13;
                    int x14 = units[unit + i + 14];
                    a += (w14 & 0x000F000F) * x14;
                    b += ((w14 >> 4) & 0x000F000F) * x14;
                    c += ((w14 >> 8) & 0x000F000F) * x14;
                    e += ((w14 >> 12) & 0x000F000F) * x14;
                    int x15 = units[unit + i + 15];
                    a += (w15 & 0x000F000F) * x15;
                    b += ((w15 >> 4) & 0x000F000F) * x15;
                    c += ((w15 >> 8) & 0x000F000F) * x15;
                    e += ((w15 >> 12) & 0x000F000F) * x15;
                }
                float worth = worths[block];
                float zero = 8.0f * (sums[block * 4] + sums[block * 4 + 1] + sums[block * 4 + 2] + sums[block * 4 + 3]);
                t0 += worth * octetHalf(p) * (octetLow(a) - zero);
                t1 += worth * octetHalf(p >> 16) * (octetLow(b) - zero);
                t2 += worth * octetHalf(q) * (octetLow(c) - zero);
                t3 += worth * octetHalf(q >> 16) * (octetLow(e) - zero);
                t4 += worth * octetHalf(r) * (octetHigh(a) - zero);
                t5 += worth * octetHalf(r >> 16) * (octetHigh(b) - zero);
                t6 += worth * octetHalf(s) * (octetHigh(c) - zero);
                t7 += worth * octetHalf(s >> 16) * (octetHigh(e) - zero);
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

    /** The sum in the lower 16 bits, signed; by floats, since devices disagree about the sign of masked bits. */
    private static float octetLow(int sums) {
        float bits = (float) (sums & 0xFFFF);
        return bits > 32767.5f ? bits - 65536.0f : bits;
    }

    /** The sum in the upper 16 bits, from which the lower ones may have borrowed. */
    private static float octetHigh(int sums) {
        float bits = (float) ((sums >> 16) & 0xFFFF);
        float borrowed = (sums & 0x8000) == 0 ? bits : bits + 1.0f;
        return borrowed > 32767.5f ? borrowed - 65536.0f : borrowed;
    }

    /** float16 in the lower 16 bits; finite. */
    private static float octetHalf(int bits) {
        int exponent = (bits >> 10) & 31;
        int fraction = bits & 1023;
        float whole = exponent == 0 ? 2.0f * fraction : 1024.0f + fraction;
        float sign = (bits & 0x8000) == 0 ? 1.0f : -1.0f;
        return sign * whole * (1 << exponent) * 2.9802322e-8f;
    }
}
