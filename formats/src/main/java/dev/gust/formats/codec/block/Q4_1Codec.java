package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/** Q4_1: f16 d, f16 m, nibbles as in Q4_0; x = q·d + m, with m the smallest value. */
final class Q4_1Codec extends BlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 20;

    Q4_1Codec() {
        super(DType.Q4_1);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, from));
            FloatVector m = FloatVector.broadcast(F, Lanes.half(stored, from + 2));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = Lanes.unsignedBytes(stored, from + 4 + j);
                // Product and sum are rounded apart, as ggml's are: no fused multiply-add.
                Lanes.toFloat(q.and(15)).mul(d).add(m).intoArray(floats, to + j);
                Lanes.toFloat(q.lanewise(VectorOperators.LSHR, 4)).mul(d).add(m).intoArray(floats, to + BLOCK / 2 + j);
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            float min = Extremes.smallest(floats, from, BLOCK);
            float d = (Extremes.largest(floats, from, BLOCK) - min) / 15;
            // An infinite reciprocal (d < 2^-128) leads to code 0 in the reference, as 0 does.
            float id = 1 / d <= Float.MAX_VALUE ? 1 / d : 0;
            Lanes.setHalf(stored, to, d);
            Lanes.setHalf(stored, to + 2, min);
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector low = codes(floats, from + j, min, id);
                IntVector high = codes(floats, from + BLOCK / 2 + j, min, id);
                Lanes.storeBytes(low.or(high.lanewise(VectorOperators.LSHL, 4)), stored, to + 4 + j);
            }
        }
    }

    private static IntVector codes(float[] floats, int at, float min, float id) {
        return Lanes.toInt(Lanes.floats(floats, at).sub(min).mul(id).add(0.5f)).min(15);
    }
}
