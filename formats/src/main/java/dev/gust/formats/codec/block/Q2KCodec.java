package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q2_K: 16 bytes with a 4-bit scale (low) and a 4-bit minimum, 64 bytes of codes, f16 d, f16 dmin; x = d·scale·q −
 * dmin·min. Each half of 128 elements has 32 code bytes, whose bit pair k belongs to its k-th 32 elements.
 */
final class Q2KCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 84;
    private static final int SUB = 16;

    Q2KCodec() {
        super(DType.Q2_K);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from + 80);
            float dmin = Lanes.half(stored, from + 82);
            for (int s = 0; s < BLOCK / SUB; s++) {
                int pair = stored[from + s] & 0xFF;
                FloatVector scale = FloatVector.broadcast(F, d * (pair & 15));
                FloatVector min = FloatVector.broadcast(F, dmin * (pair >> 4));
                int codes = from + 16 + 32 * (s / 8) + 16 * (s % 2);
                for (int j = 0; j < SUB; j += LANES) {
                    Lanes.toFloat(Lanes.unsignedBytes(stored, codes + j)
                                    .lanewise(VectorOperators.LSHR, s / 2 % 4 * 2)
                                    .and(3))
                            .mul(scale)
                            .sub(min)
                            .intoArray(floats, to + SUB * s + j);
                }
            }
        }
    }
}
