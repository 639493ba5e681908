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
    public static final int MOST_BLOCKS = 16;

    /** Hidden states are rounded to −MOST … MOST. */
    public static final int MOST = 63;

    private OctetScores() {}

    /**
     * Rounds hidden states, a block to a work-item: M · blocks of them in all, rounded up to {@link GroupScores#LOCAL}.
     *
     * @param h [M, D]
     * @param rounded receives [M, 32 · blocks]
     * @param blockScales receives [M, blocks, 2]: what a unit is worth, and 8 times the sum of the block's units
     * @param total M · blocks
     */
    public static void roundGroups(
            KernelContext context, FloatArray h, IntArray rounded, FloatArray blockScales, IntArray sizes, int total) {
        int at = context.globalIdx;
        int d = sizes.get(HeadSizes.COLUMNS);
        int blocks = sizes.get(HeadSizes.STEPS);
        if (at < total) {
            int from = (at % blocks) * 32;
            int row = (at / blocks) * d;
            int count = Math.min(32, d - from);
            float most = 0.0f;
            for (int i = 0; i < count; i++) {
                float x = h.get(row + from + i);
                most = Math.max(most, Math.max(x, -x));
            }
            float scale = most / 63.0f;
            float inverse = most > 0.0f ? 63.0f / most : 0.0f;
            int sum = 0;
            for (int i = 0; i < 32; i++) {
                int unit = 0;
                if (i < count) {
                    float x = h.get(row + from + i) * inverse;
                    float away = x < 0.0f ? x - 0.5f : x + 0.5f;
                    unit = (int) away;
                }
                sum += unit;
                rounded.set(at * 32 + i, unit);
            }
            blockScales.set(2 * at, scale);
            blockScales.set(2 * at + 1, 8.0f * sum);
        }
    }

    /**
     * The scores, for ceil(V / 256) groups of {@link #OCTETS} × {@code side} work-items along x, and one along y for each
     * hidden state.
     *
     * @param words [32 · blocks, octets]
     * @param scaleWords [blocks, 4, octets]: float16 of tokens 2i and 2i + 1 of each octet
     * @param side blocks that are summed up side by side, at most {@link #MOST_BLOCKS}
     */
    public static void octetsGroups(
            KernelContext context,
            IntArray words,
            IntArray scaleWords,
            FloatArray bias,
            IntArray rounded,
            FloatArray blockScales,
            FloatArray y,
            IntArray sizes,
            int biased,
            int side) {
        float[] partial = context.allocateFloatLocalArray(8 * OCTETS * side);
        int n = sizes.get(HeadSizes.ROWS);
        int blocks = sizes.get(HeadSizes.STEPS);
        int columns = sizes.get(HeadSizes.BLOCK);
        int octets = (n + 7) / 8;
        int lane = context.localIdx;
        int octet = Math.min(context.groupIdx * OCTETS + lane, octets - 1);
        int hidden = context.groupIdy * blocks;
        float t0 = 0.0f;
        float t1 = 0.0f;
        float t2 = 0.0f;
        float t3 = 0.0f;
        float t4 = 0.0f;
        float t5 = 0.0f;
        float t6 = 0.0f;
        float t7 = 0.0f;
        for (int block = context.localIdy; block < blocks; block += side) {
            int a = 0;
            int b = 0;
            int c = 0;
            int e = 0;
            int at = block * 32 * octets + octet;
            int unit = (hidden + block) * 32;
            for (int i = 0; i < columns; i += 8) {
                int w0 = words.get(at);
                int w1 = words.get(at + octets);
                int w2 = words.get(at + 2 * octets);
                int w3 = words.get(at + 3 * octets);
                int w4 = words.get(at + 4 * octets);
                int w5 = words.get(at + 5 * octets);
                int w6 = words.get(at + 6 * octets);
                int w7 = words.get(at + 7 * octets);
                at += 8 * octets;
                int x0 = rounded.get(unit + i);
                a += (w0 & 0x000F000F) * x0;
                b += ((w0 >> 4) & 0x000F000F) * x0;
                c += ((w0 >> 8) & 0x000F000F) * x0;
                e += ((w0 >> 12) & 0x000F000F) * x0;
                int x1 = rounded.get(unit + i + 1);
                a += (w1 & 0x000F000F) * x1;
                b += ((w1 >> 4) & 0x000F000F) * x1;
                c += ((w1 >> 8) & 0x000F000F) * x1;
                e += ((w1 >> 12) & 0x000F000F) * x1;
                int x2 = rounded.get(unit + i + 2);
                a += (w2 & 0x000F000F) * x2;
                b += ((w2 >> 4) & 0x000F000F) * x2;
                c += ((w2 >> 8) & 0x000F000F) * x2;
                e += ((w2 >> 12) & 0x000F000F) * x2;
                int x3 = rounded.get(unit + i + 3);
                a += (w3 & 0x000F000F) * x3;
                b += ((w3 >> 4) & 0x000F000F) * x3;
                c += ((w3 >> 8) & 0x000F000F) * x3;
                e += ((w3 >> 12) & 0x000F000F) * x3;
                int x4 = rounded.get(unit + i + 4);
                a += (w4 & 0x000F000F) * x4;
                b += ((w4 >> 4) & 0x000F000F) * x4;
                c += ((w4 >> 8) & 0x000F000F) * x4;
                e += ((w4 >> 12) & 0x000F000F) * x4;
                int x5 = rounded.get(unit + i + 5);
                a += (w5 & 0x000F000F) * x5;
                b += ((w5 >> 4) & 0x000F000F) * x5;
                c += ((w5 >> 8) & 0x000F000F) * x5;
                e += ((w5 >> 12) & 0x000F000F) * x5;
                int x6 = rounded.get(unit + i + 6);
                a += (w6 & 0x000F000F) * x6;
                b += ((w6 >> 4) & 0x000F000F) * x6;
                c += ((w6 >> 8) & 0x000F000F) * x6;
                e += ((w6 >> 12) & 0x000F000F) * x6;
                int x7 = rounded.get(unit + i + 7);
                a += (w7 & 0x000F000F) * x7;
                b += ((w7 >> 4) & 0x000F000F) * x7;
                c += ((w7 >> 8) & 0x000F000F) * x7;
                e += ((w7 >> 12) & 0x000F000F) * x7;
            }
            float worth = blockScales.get(2 * (hidden + block));
            float zero = blockScales.get(2 * (hidden + block) + 1);
            int scaleAt = block * 4 * octets + octet;
            int p = scaleWords.get(scaleAt);
            int q = scaleWords.get(scaleAt + octets);
            int r = scaleWords.get(scaleAt + 2 * octets);
            int s = scaleWords.get(scaleAt + 3 * octets);
            t0 += worth * octetHalf(p) * (octetLow(a) - zero);
            t1 += worth * octetHalf(p >> 16) * (octetLow(b) - zero);
            t2 += worth * octetHalf(q) * (octetLow(c) - zero);
            t3 += worth * octetHalf(q >> 16) * (octetLow(e) - zero);
            t4 += worth * octetHalf(r) * (octetHigh(a) - zero);
            t5 += worth * octetHalf(r >> 16) * (octetHigh(b) - zero);
            t6 += worth * octetHalf(s) * (octetHigh(c) - zero);
            t7 += worth * octetHalf(s >> 16) * (octetHigh(e) - zero);
        }
        int row = context.localIdy * OCTETS + lane;
        int width = OCTETS * side;
        partial[row] = t0;
        partial[width + row] = t1;
        partial[2 * width + row] = t2;
        partial[3 * width + row] = t3;
        partial[4 * width + row] = t4;
        partial[5 * width + row] = t5;
        partial[6 * width + row] = t6;
        partial[7 * width + row] = t7;
        context.localBarrier();
        for (int i = row; i < 8 * OCTETS; i += width) {
            int token = context.groupIdx * 8 * OCTETS + i;
            float sum = 0.0f;
            for (int j = 0; j < side; j++) {
                sum += partial[(i % 8) * width + j * OCTETS + i / 8];
            }
            if (token < n) {
                if (biased != 0) {
                    sum += bias.get(token);
                }
                y.set(context.groupIdy * n + token, sum);
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
