package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q5_0: f16 d, a word with every code's fifth bit, nibbles as in Q4_0; x = d·(q − 16). The value of largest magnitude
 * maps to −16·d exactly, so d may be negative.
 */
final class Q5_0Codec extends BlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 22;

    Q5_0Codec() {
        super(DType.Q5_0);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, from));
            int fifth = Lanes.int32(stored, from + 2);
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = Lanes.unsignedBytes(stored, from + 6 + j);
                IntVector low = q.and(15).or(FifthBits.spread(fifth, j));
                IntVector high = q.lanewise(VectorOperators.LSHR, 4).or(FifthBits.spread(fifth, j + BLOCK / 2));
                Lanes.toFloat(low.sub(16)).mul(d).intoArray(floats, to + j);
                Lanes.toFloat(high.sub(16)).mul(d).intoArray(floats, to + BLOCK / 2 + j);
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            float d = Extremes.ofLargestMagnitude(floats, from, BLOCK) / -16;
            float id = d == 0 ? 0 : 1 / d;
            Lanes.setHalf(stored, to, d);
            if (Float.isInfinite(id)) {
                // |d| < 2^-128: the reference converts infinities and NaN to int, which gives 0 on x86.
                Arrays.fill(stored, to + 2, to + 2 + 4 + BLOCK / 2, (byte) 0);
                continue;
            }
            int fifth = 0;
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector low = codes(floats, from + j, id);
                IntVector high = codes(floats, from + BLOCK / 2 + j, id);
                fifth |= FifthBits.gather(low, j) | FifthBits.gather(high, j + BLOCK / 2);
                Lanes.storeBytes(low.and(15).or(high.lanewise(VectorOperators.LSHL, 4)), stored, to + 6 + j);
            }
            Lanes.setInt32(stored, to + 2, fifth);
        }
    }

    private static IntVector codes(float[] floats, int at, float id) {
        return Lanes.toInt(Lanes.floats(floats, at).mul(id).add(16.5f)).min(31);
    }
}
