package dev.gust.kernels.cast;

import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/**
 * Rounds float32 to the codes of a narrow floating-point type, in integers alone, so that every device gives the same
 * codes: the kernels' form of {@code dev.gust.formats.codec.FloatFormat} and {@code E8M0}, which say what is meant.
 * Pieces of kernels; a float comes as its bits.
 */
final class CastCodes {
    private static final int MAGNITUDE = 0x7fffffff;
    private static final int INFINITY = 0x7f800000;
    private static final long GAMMA = 0x9e3779b97f4a7c15L;
    private static final long FIRST_FACTOR = 0xbf58476d1ce4e5b9L;
    private static final long SECOND_FACTOR = 0x94d049bb133111ebL;

    private CastCodes() {}

    /** SplitMix64's output function; the masks make shifts of signed numbers into unsigned ones. */
    static long splitMix(long z) {
        long y = (z ^ ((z >> 30) & 0x3ffffffffL)) * FIRST_FACTOR;
        y = (y ^ ((y >> 27) & 0x1fffffffffL)) * SECOND_FACTOR;
        return y ^ ((y >> 31) & 0x1ffffffffL);
    }

    /**
     * Random bits of element i.
     *
     * @param state [0]: the generator's state for element 0
     */
    static long randomBits(LongArray state, int i) {
        return splitMix(state.get(0) + (long) i * GAMMA);
    }

    /** The positive code nearest to a magnitude, ties to even; runs on past the greatest code. */
    static int roundToEven(int magnitude, int mantissaBits, int emin) {
        int biased = magnitude >> 23;
        int field = biased < 1 ? 1 : biased;
        int significand = magnitude - ((field - 1) << 23);
        int exponent = field - 127;
        int above = exponent > emin ? exponent - emin : 0;
        int below = exponent < emin ? emin - exponent : 0;
        int shift = 23 - mantissaBits + below;
        // A significand of 24 bits shifted by 25 or more is less than half of the least code.
        int kept = shift > 25 ? 25 : shift;
        int half = (1 << (kept - 1)) - 1 + ((significand >> kept) & 1);
        return (above << mantissaBits) + ((significand + half) >> kept);
    }

    /** The positive code below or above a magnitude within range, by random bits. */
    static int roundAtRandom(int magnitude, int mantissaBits, int emin, long random) {
        int biased = magnitude >> 23;
        int field = biased < 1 ? 1 : biased;
        int significand = magnitude - ((field - 1) << 23);
        int exponent = field - 127;
        int above = exponent > emin ? exponent - emin : 0;
        int below = exponent < emin ? emin - exponent : 0;
        int shift = 23 - mantissaBits + below;
        int over = shift > 62 ? shift - 62 : 0;
        int dropped = over > 31 ? 31 : over;
        int cut = shift > 62 ? 62 : shift;
        long kept = (long) (significand >> dropped);
        long drawn = (random >> (64 - cut)) & ((1L << cut) - 1L);
        return (above << mantissaBits) + (int) ((kept + drawn) >> cut);
    }

    /**
     * The code of a float.
     *
     * @param format see {@link CastFormat}
     * @param stochastic 1 to round at random, 0 to the nearest; a constant
     */
    static int encode(int bits, IntArray format, LongArray state, int i, int stochastic) {
        int magnitude = bits & MAGNITUDE;
        int mantissaBits = format.get(CastFormat.MANTISSA_BITS);
        int emin = format.get(CastFormat.EMIN);
        int code;
        if (stochastic == 1) {
            // Out of range there is but one neighbour; the result is replaced below.
            int maxBits = format.get(CastFormat.MAX_BITS);
            int inRange = magnitude > maxBits ? 0 : magnitude;
            code = roundAtRandom(inRange, mantissaBits, emin, randomBits(state, i));
            code = magnitude > maxBits ? format.get(CastFormat.BEYOND) : code;
        } else {
            code = roundToEven(magnitude, mantissaBits, emin);
            code = code > format.get(CastFormat.MAX_CODE) ? format.get(CastFormat.BEYOND) : code;
        }
        code = magnitude > INFINITY ? format.get(CastFormat.NAN) : code;
        int sign = bits < 0 ? format.get(CastFormat.SIGN) : 0;
        return code == format.get(CastFormat.UNSIGNED) ? code : code | sign;
    }

    /**
     * The E8M0 code of a float.
     *
     * @param saturate 1 or 0, a constant
     * @param stochastic 1 or 0, a constant
     */
    static int encodeE8M0(int bits, LongArray state, int i, int saturate, int stochastic) {
        int magnitude = bits & MAGNITUDE;
        // Below 2^-126 there are two codes, 0 and 1, that meet at 1.5 · 2^-127.
        int code = bits < 0x00800000 ? (bits >= 0x00600000 ? 1 : 0) : ((bits + 0x00400000) >> 23) & 0x1ff;
        if (stochastic == 1) {
            if (bits > 0x00400000 && bits < 0x7f000000) {
                int low = bits >> 23;
                // How far x is above the lower power of two, in units of 2^-53 of their distance.
                long up = low == 0 ? (long) (bits - 0x00400000) << 31 : (long) (bits & 0x007fffff) << 30;
                long drawn = (randomBits(state, i) >> 11) & 0x1fffffffffffffL;
                code = drawn < up ? low + 1 : low;
            }
        }
        if (saturate == 1) {
            code = code > 254 ? 254 : code;
        }
        code = bits < 0 ? 255 : code;
        code = bits >= INFINITY ? 255 : code;
        if (magnitude == 0) {
            code = saturate == 1 ? 0 : 255;
        }
        return code;
    }

    /** One word of output: {@code perWord} codes, the first in the lowest bits. */
    static int encodeWord(
            IntArray bits,
            IntArray format,
            LongArray state,
            int word,
            int perWord,
            int e8m0,
            int saturate,
            int stochastic) {
        int count = format.get(CastFormat.COUNT);
        int width = 32 / perWord;
        int packed = 0;
        for (int j = 0; j < perWord; j++) {
            int i = word * perWord + j;
            if (i < count) {
                int code;
                if (e8m0 == 1) {
                    code = encodeE8M0(bits.get(i), state, i, saturate, stochastic);
                } else {
                    code = encode(bits.get(i), format, state, i, stochastic);
                }
                packed = packed | (code << (j * width));
            }
        }
        return packed;
    }

    /** The float32 bits for code i of a packed array. */
    static int decode(IntArray codes, IntArray table, int i, int perWord) {
        int word;
        int code;
        if (perWord == 4) {
            word = codes.get(i >> 2);
            code = (word >> ((i & 3) << 3)) & 0xff;
        } else {
            word = codes.get(i >> 1);
            code = (word >> ((i & 1) << 4)) & 0xffff;
        }
        return table.get(code);
    }
}
