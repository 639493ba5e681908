package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * MXFP4: a byte e, the E8M0 scale 2^(e − 127), then 16 bytes with the E2M1 code of element j in the low and of element
 * j+16 in the high nibble. e = ⌊log2 amax⌋ − 2 + 127 (the OCP MX rule), which clips magnitudes above 6·2^(e − 127).
 */
final class Mxfp4Codec extends BlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 17;
    private static final double LN2 = StrictMath.log(2);

    Mxfp4Codec() {
        super(DType.MXFP4);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            FloatVector d = FloatVector.broadcast(F, halvedScale(stored[from] & 0xFF));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = Lanes.unsignedBytes(stored, from + 1 + j);
                Fp4Lanes.decode(q.and(15)).mul(d).intoArray(floats, to + j);
                Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, 4)).mul(d).intoArray(floats, to + BLOCK / 2 + j);
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        byte[] codes = new byte[BLOCK];
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            int e = exponent(Lanes.maxMagnitudeBits(floats, from, BLOCK));
            stored[to] = (byte) e;
            if (e < 2 || e > 252) {
                // The reciprocal of the scale, or its largest multiple, is beyond float32.
                for (int j = 0; j < BLOCK / 2; j++) {
                    int low = Fp4Lanes.nearest(floats[from + j], halvedScale(e));
                    int high = Fp4Lanes.nearest(floats[from + BLOCK / 2 + j], halvedScale(e));
                    stored[to + 1 + j] = (byte) (low | (high << 4));
                }
                continue;
            }
            // 1 / halved scale, a power of two like the scale: multiplying by it is exact wherever it matters.
            float reciprocal = Float.intBitsToFloat((255 - e) << 23);
            // One loop with one call: what is inlined twice is too much for the compiler to inline at all.
            for (int j = 0; j < BLOCK; j += LANES) {
                FloatVector x = Lanes.floats(floats, from + j);
                FloatVector scaled =
                        Lanes.magnitudeBits(x).reinterpretAsFloats().mul(reciprocal);
                Lanes.storeBytes(Fp4Lanes.encodeScaled(x, scaled), codes, j);
            }
            Lanes.setInt64(stored, to + 1, Lanes.int64(codes, 0) | (Lanes.int64(codes, 16) << 4));
            Lanes.setInt64(stored, to + 9, Lanes.int64(codes, 8) | (Lanes.int64(codes, 24) << 4));
        }
    }

    /**
     * The scale byte for that largest magnitude. The reference takes the floor of a float32 log2, which for the last few
     * floats below a power of two has already rounded up to it. Below 2^-125 the byte wraps around, as the reference's
     * conversion does: such a block decodes to zeros.
     */
    static int exponent(int maxBits) {
        if (maxBits == 0 || maxBits >= 0x7F800000) {
            return 0;
        }
        int floor = (maxBits >>> 23) - 127;
        if (maxBits < 0x00800000 || (maxBits & 0x7FFFFF) >= 0x7FFF80) {
            floor = (int) Math.floor((float) (StrictMath.log(Float.intBitsToFloat(maxBits)) / LN2));
        }
        return (floor - 2 + 127) & 0xFF;
    }

    /** 2^(e − 128), subnormal for e below 2: half the scale, for doubled codes. */
    private static float halvedScale(int e) {
        return Float.intBitsToFloat(e < 2 ? 0x00200000 << e : (e - 1) << 23);
    }
}
