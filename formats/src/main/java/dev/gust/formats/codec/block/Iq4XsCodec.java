package dev.gust.formats.codec.block;

import dev.gust.formats.tensor.DType;

/**
 * IQ4_XS: f16 d, 8 pairs of high scale bits, 8 low scale nibbles, then IQ4_NL's codes for 8 sub-blocks of 32; x =
 * d·(scale − 32)·table[q].
 */
final class Iq4XsCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 136;

    Iq4XsCodec() {
        super(DType.IQ4_XS);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from);
            int high = Lanes.int16(stored, from + 2);
            for (int s = 0; s < 8; s++) {
                int low = ((stored[from + 4 + s / 2] & 0xFF) >> (s % 2 * 4)) & 15;
                int scale = low | (((high >> (2 * s)) & 3) << 4);
                Iq4NlCodec.decode32(stored, from + 8 + 16 * s, d * (scale - 32), floats, to + 32 * s);
            }
        }
    }
}
