package dev.gust.formats.codec.block;

import dev.gust.formats.tensor.DType;

/** IQ4_NL: Q4_0's layout with codes that index a table of 16 unevenly spaced values; x = d·table[q]. */
final class Iq4NlCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 32;
    private static final int STRIDE = 18;
    private static final int[] VALUES = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    Iq4NlCodec() {
        super(DType.IQ4_NL);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            decode32(stored, from + 2, Lanes.half(stored, from), floats, to);
        }
    }

    /** Decodes 32 elements from 16 bytes, element j in the low and j+16 in the high nibble. */
    static void decode32(byte[] stored, int from, float scale, float[] floats, int to) {
        for (int j = 0; j < 16; j++) {
            int pair = stored[from + j] & 0xFF;
            floats[to + j] = scale * VALUES[pair & 15];
            floats[to + 16 + j] = scale * VALUES[pair >> 4];
        }
    }
}
