package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Q8_0: f16 d, 32 signed bytes q; x = d·q, with d = amax/127. */
final class Q8_0Codec extends BlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 34;

    /**
     * The largest float below ½: adding it with the sign of x and truncating rounds half away from zero, as C's roundf
     * does. Adding ½ itself would carry 0.49999997 up to 1.
     */
    private static final int NEARLY_HALF = Float.floatToRawIntBits(Math.nextDown(0.5f));

    Q8_0Codec() {
        super(DType.Q8_0);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, from));
            for (int j = 0; j < BLOCK; j += LANES) {
                Lanes.toFloat(Lanes.signedBytes(stored, from + 2 + j)).mul(d).intoArray(floats, to + j);
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            float d = Float.intBitsToFloat(Lanes.maxMagnitudeBits(floats, from, BLOCK)) / 127;
            // The quants use the reciprocal of the float32 scale, not of the stored half. Below 2^-128 it is infinite,
            // and every quant 0.
            float reciprocal = 1 / d;
            FloatVector id = FloatVector.broadcast(F, reciprocal <= Float.MAX_VALUE ? reciprocal : 0);
            Lanes.setHalf(stored, to, d);
            for (int j = 0; j < BLOCK; j += LANES) {
                FloatVector x = Lanes.floats(floats, from + j).mul(id);
                IntVector half = x.reinterpretAsInts().and(0x80000000).or(NEARLY_HALF);
                IntVector q = Lanes.toInt(x.add(half.reinterpretAsFloats()));
                Lanes.storeBytes(q, stored, to + 2 + j);
            }
        }
    }
}
