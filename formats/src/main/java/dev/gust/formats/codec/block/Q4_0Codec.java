package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q4_0: f16 d, 16 bytes with element j in the low and element j+16 in the high nibble; x = d·(q − 8). The value of
 * largest magnitude maps to −8·d exactly, so d may be negative.
 */
final class Q4_0Codec extends BlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 18;

    Q4_0Codec() {
        super(DType.Q4_0);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, from));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = Lanes.unsignedBytes(stored, from + 2 + j);
                Lanes.toFloat(q.and(15).sub(8)).mul(d).intoArray(floats, to + j);
                Lanes.toFloat(q.lanewise(VectorOperators.LSHR, 4).sub(8)).mul(d).intoArray(floats, to + BLOCK / 2 + j);
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            float d = Extremes.ofLargestMagnitude(floats, from, BLOCK) / -8;
            float id = d == 0 ? 0 : 1 / d;
            Lanes.setHalf(stored, to, d);
            if (Float.isInfinite(id)) {
                // |d| < 2^-128: the reference converts infinities and NaN to int, which gives 0 on x86.
                Arrays.fill(stored, to + 2, to + 2 + BLOCK / 2, (byte) 0);
                continue;
            }
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector low = codes(floats, from + j, id);
                IntVector high = codes(floats, from + BLOCK / 2 + j, id);
                Lanes.storeBytes(low.or(high.lanewise(VectorOperators.LSHL, 4)), stored, to + 2 + j);
            }
        }
    }

    private static IntVector codes(float[] floats, int at, float id) {
        return Lanes.toInt(Lanes.floats(floats, at).mul(id).add(8.5f)).min(15);
    }
}
