package dev.gust.formats.codec.block;

/**
 * The 12 bytes in which Q4_K and Q5_K keep a 6-bit scale and a 6-bit minimum for each of 8 sub-blocks: the first four
 * pairs in the low 6 bits of bytes 0–3 (scales) and 4–7 (minima), the others in the nibbles of bytes 8–11 and the top
 * two bits of bytes 0–7.
 */
final class SixBitPairs {
    private SixBitPairs() {}

    static int scale(byte[] segment, int at, int j) {
        return j < 4
                ? unsigned(segment, at + j) & 63
                : (unsigned(segment, at + j + 4) & 15) | (unsigned(segment, at + j - 4) >> 6 << 4);
    }

    static int min(byte[] segment, int at, int j) {
        return j < 4
                ? unsigned(segment, at + j + 4) & 63
                : (unsigned(segment, at + j + 4) >> 4) | (unsigned(segment, at + j) >> 6 << 4);
    }

    static void store(byte[] segment, int at, int[] scales, int[] mins) {
        for (int j = 0; j < 4; j++) {
            segment[at + j] = (byte) (scales[j] | (scales[j + 4] >> 4 << 6));
            segment[at + j + 4] = (byte) (mins[j] | (mins[j + 4] >> 4 << 6));
            segment[at + j + 8] = (byte) ((scales[j + 4] & 15) | ((mins[j + 4] & 15) << 4));
        }
    }

    private static int unsigned(byte[] segment, int at) {
        return segment[at] & 0xFF;
    }
}
