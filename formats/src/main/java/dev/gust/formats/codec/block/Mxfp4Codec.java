package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
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
    void decodeBlocks(MemorySegment stored, long from, MemorySegment floats, long to, long blocks) {
        for (long b = 0; b < blocks; b++, from += STRIDE, to += 4 * BLOCK) {
            FloatVector d = FloatVector.broadcast(F, halvedScale(stored.get(Lanes.I8, from) & 0xFF));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = Lanes.unsignedBytes(stored, from + 1 + j);
                Fp4Lanes.decode(q.and(15)).mul(d).intoMemorySegment(floats, to + 4L * j, Lanes.LE);
                Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, 4))
                        .mul(d)
                        .intoMemorySegment(floats, to + 2 * BLOCK + 4L * j, Lanes.LE);
            }
        }
    }

    @Override
    void encodeBlocks(MemorySegment floats, long from, MemorySegment stored, long to, long blocks) {
        for (long b = 0; b < blocks; b++, from += 4 * BLOCK, to += STRIDE) {
            int e = exponent(Lanes.maxMagnitudeBits(floats, from, BLOCK));
            stored.set(Lanes.I8, to, (byte) e);
            if (e < 2 || e > 252) {
                // The reciprocal of the scale, or its largest multiple, is beyond float32.
                for (int j = 0; j < BLOCK / 2; j++) {
                    int low = Fp4Lanes.nearest(floats.get(Lanes.F32, from + 4L * j), halvedScale(e));
                    int high = Fp4Lanes.nearest(floats.get(Lanes.F32, from + 2 * BLOCK + 4L * j), halvedScale(e));
                    stored.set(Lanes.I8, to + 1 + j, (byte) (low | (high << 4)));
                }
                continue;
            }
            // 1 / halved scale, a power of two like the scale: multiplying by it is exact wherever it matters.
            float reciprocal = Float.intBitsToFloat((255 - e) << 23);
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector low = codes(floats, from + 4L * j, reciprocal);
                IntVector high = codes(floats, from + 2 * BLOCK + 4L * j, reciprocal);
                Lanes.storeBytes(low.or(high.lanewise(VectorOperators.LSHL, 4)), stored, to + 1 + j);
            }
        }
    }

    private static IntVector codes(MemorySegment floats, long at, float reciprocal) {
        FloatVector x = Lanes.floats(floats, at);
        return Fp4Lanes.encodeScaled(
                x, Lanes.magnitudeBits(x).reinterpretAsFloats().mul(reciprocal));
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
