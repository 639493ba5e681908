package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q3_K: 32 bytes of high bits, 64 bytes of low bit pairs as in Q2_K, 16 six-bit scales in 12 bytes, f16 d; x =
 * d·(scale − 32)·(q − 4). Bit k of the high bytes belongs to the k-th 32 elements.
 */
final class Q3KCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 110;
    private static final int SUB = 16;
    private static final int SCALES = 96;

    Q3KCodec() {
        super(DType.Q3_K);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from + 108);
            for (int s = 0; s < BLOCK / SUB; s++) {
                FloatVector scale = FloatVector.broadcast(F, d * (scale(stored, from + SCALES, s) - 32));
                int column = SUB * (s % 2);
                for (int j = 0; j < SUB; j += LANES) {
                    IntVector low = Lanes.unsignedBytes(stored, from + 32 + 32 * (s / 8) + column + j)
                            .lanewise(VectorOperators.LSHR, s / 2 % 4 * 2)
                            .and(3);
                    IntVector high = Lanes.unsignedBytes(stored, from + column + j)
                            .lanewise(VectorOperators.LSHR, s / 2)
                            .and(1)
                            .lanewise(VectorOperators.LSHL, 2);
                    Lanes.toFloat(low.or(high).sub(4)).mul(scale).intoArray(floats, to + SUB * s + j);
                }
            }
        }
    }

    /** Low nibbles of scales 0–7 and 8–15 share bytes 0–7; bytes 8–11 hold their top two bits, one column of pairs each. */
    private static int scale(byte[] stored, int at, int s) {
        int low = ((stored[at + s % 8] & 0xFF) >> (s / 8 * 4)) & 15;
        int high = ((stored[at + 8 + s % 4] & 0xFF) >> (s / 4 * 2)) & 3;
        return low | (high << 4);
    }
}
