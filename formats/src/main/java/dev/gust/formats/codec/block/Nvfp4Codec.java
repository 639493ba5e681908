package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.IOTA;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * NVFP4: four unsigned E4M3 scales, one for every 16 elements, then 8 bytes for each of the four with the E2M1 code of
 * element j in the low and of element j+8 in the high nibble. The tensor's float32 scale is a tensor of its own.
 */
final class Nvfp4Codec extends BlockCodec {
    private static final int BLOCK = 64;
    private static final int STRIDE = 36;
    private static final int SUB = 16;
    /** The largest scale times 2^16: above, magnitudes are so far out of reach that rounded errors no longer differ. */
    private static final float MAX_SCALED = 448 * 65536f;

    private static final float[] HALVED_SCALES = halvedScales();
    private static final IntVector NIBBLE_SHIFTS =
            IOTA.lanewise(VectorOperators.LSHR, 3).lanewise(VectorOperators.LSHL, 2);

    Nvfp4Codec() {
        super(DType.NVFP4);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            for (int s = 0; s < BLOCK / SUB; s++) {
                FloatVector d = FloatVector.broadcast(F, HALVED_SCALES[stored[from + s] & 0xFF]);
                int codes = from + 4 + 8 * s;
                int out = to + SUB * s;
                if (LANES == 16) {
                    IntVector q = Lanes.unsignedBytesTwice(Lanes.int64(stored, codes));
                    Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, NIBBLE_SHIFTS)
                                    .and(15))
                            .mul(d)
                            .intoArray(floats, out);
                } else {
                    for (int j = 0; j < SUB / 2; j += LANES) {
                        IntVector q = Lanes.unsignedBytes(stored, codes + j);
                        Fp4Lanes.decode(q.and(15)).mul(d).intoArray(floats, out + j);
                        Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, 4))
                                .mul(d)
                                .intoArray(floats, out + SUB / 2 + j);
                    }
                }
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        byte[] codes = new byte[SUB];
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            for (int s = 0; s < BLOCK / SUB; s++) {
                int sub = from + SUB * s;
                float max = Float.intBitsToFloat(Lanes.maxMagnitudeBits(floats, sub, SUB));
                int scale = scale(max / 6);
                float d = HALVED_SCALES[scale];
                stored[to + s] = (byte) scale;
                if (scale == 0 || max > MAX_SCALED) {
                    for (int j = 0; j < SUB; j++) {
                        codes[j] = (byte) Fp4Lanes.nearest(floats[sub + j], d);
                    }
                } else {
                    for (int j = 0; j < SUB; j += LANES) {
                        Lanes.storeBytes(Fp4Lanes.encode(Lanes.floats(floats, sub + j), d), codes, j);
                    }
                }
                long packed = Lanes.int64(codes, 0) | (Lanes.int64(codes, 8) << 4);
                Lanes.setInt64(stored, to + 4 + 8 * s, packed);
            }
        }
    }

    /**
     * The UE4M3 code for a scale, by ggml's rules: half up rather than to even, and 448 (0x7E) for everything that rounds
     * to 256 or more, so that 0x78 to 0x7D are read but never written.
     */
    static int scale(float x) {
        if (!(x > 0)) {
            return 0;
        }
        int bits = Float.floatToRawIntBits(x);
        int exponent = (bits >>> 23) - 127 + 7;
        if (exponent <= 0) {
            return Math.min((int) (x * 512 + 0.5f), 7);
        }
        // Mantissa and exponent round as one number: a carry out of the mantissa raises the exponent.
        int code = ((exponent << 3) | ((bits >>> 20) & 7)) + ((bits >>> 19) & 1);
        return exponent >= 15 || code >= 15 << 3 ? 0x7E : code;
    }

    /** Half the value of each scale byte, for doubled codes. Bit 7 is ignored but in 0xFF; 0x7F is 0. */
    private static float[] halvedScales() {
        float[] table = new float[256];
        for (int code = 0; code < 256; code++) {
            int exponent = (code >> 3) & 15;
            int mantissa = code & 7;
            float value = exponent == 0 ? Math.scalb((float) mantissa, -9) : Math.scalb(8f + mantissa, exponent - 10);
            table[code] = code == 0x7F ? 0 : value / 2;
        }
        return table;
    }
}
