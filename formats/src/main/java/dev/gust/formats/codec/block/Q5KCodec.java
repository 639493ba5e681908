package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Q5_K: Q4_K with 32 more bytes, before the nibbles, whose bit s is the fifth bit of sub-block s. */
final class Q5KCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 176;
    private static final int SUB = 32;

    Q5KCodec() {
        super(DType.Q5_K);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from);
            float dmin = Lanes.half(stored, from + 2);
            for (int s = 0; s < BLOCK / SUB; s++) {
                FloatVector scale = FloatVector.broadcast(F, d * SixBitPairs.scale(stored, from + 4, s));
                FloatVector min = FloatVector.broadcast(F, dmin * SixBitPairs.min(stored, from + 4, s));
                for (int j = 0; j < SUB; j += LANES) {
                    IntVector low = Lanes.unsignedBytes(stored, from + 48 + 32 * (s / 2) + j)
                            .lanewise(VectorOperators.LSHR, 4 * (s & 1))
                            .and(15);
                    IntVector fifth = Lanes.unsignedBytes(stored, from + 16 + j)
                            .lanewise(VectorOperators.LSHR, s)
                            .and(1)
                            .lanewise(VectorOperators.LSHL, 4);
                    Lanes.toFloat(low.or(fifth)).mul(scale).sub(min).intoArray(floats, to + SUB * s + j);
                }
            }
        }
    }
}
