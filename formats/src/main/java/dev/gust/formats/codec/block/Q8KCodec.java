package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;

/** Q8_K: f32 d, 256 signed bytes, 16 sums that only dot products need; x = d·q. */
final class Q8KCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 292;

    Q8KCodec() {
        super(DType.Q8_K);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, Float.intBitsToFloat(Lanes.int32(stored, from)));
            for (int j = 0; j < BLOCK; j += LANES) {
                Lanes.toFloat(Lanes.signedBytes(stored, from + 4 + j)).mul(d).intoArray(floats, to + j);
            }
        }
    }
}
