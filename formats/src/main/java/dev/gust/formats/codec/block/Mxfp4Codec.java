package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * MXFP4: a byte e, the E8M0 scale 2^(e − 127), then 16 bytes with the E2M1 code of element j in the low and of element
 * j+16 in the high nibble. e = ⌊log2 amax⌋ − 2 + 127 (the OCP MX rule), which clips magnitudes above 6·2^(e − 127).
 */
final class Mxfp4Codec extends DirectBlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 17;
    private static final double LN2 = StrictMath.log(2);

    Mxfp4Codec() {
        super(DType.MXFP4);
    }

    @Override
    void decodeChunk(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        int blocks = (int) (count / BLOCK);
        for (int b = 0; b < blocks; b++) {
            long block = from + (long) STRIDE * b;
            long out = to + 4L * BLOCK * b;
            FloatVector d = FloatVector.broadcast(F, halvedScale(stored.get(ValueLayout.JAVA_BYTE, block) & 0xFF));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = CodeLanes.loadBytes(stored, block + 1 + j);
                Lanes.store(Fp4Lanes.decode(q.and(15)).mul(d), floats, out + 4 * j);
                FloatVector high = Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, 4));
                Lanes.store(high.mul(d), floats, out + 2 * BLOCK + 4 * j);
            }
        }
    }

    @Override
    void encodeChunk(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        int blocks = (int) (count / BLOCK);
        int[] exponents = new int[blocks];
        Lanes.maxMagnitudeBits(floats, from, BLOCK, blocks, exponents);
        storeScales(exponents, stored, to);
        byte[] codes = new byte[blocks * BLOCK];
        codes(floats, from, exponents, codes);
        storeCodes(codes, stored, to);
        for (int b = 0; b < blocks; b++) {
            if (!inReach(exponents[b])) {
                storeCodesOutOfReach(
                        floats, from + 4L * BLOCK * b, halvedScale(exponents[b]), stored, to + (long) STRIDE * b + 1);
            }
        }
    }

    /** Writes the scales, and puts them in the maxima's place. */
    private static void storeScales(int[] maxima, MemorySegment stored, long to) {
        for (int b = 0; b < maxima.length; b++) {
            int e = exponent(maxima[b]);
            maxima[b] = e;
            stored.set(ValueLayout.JAVA_BYTE, to + (long) STRIDE * b, (byte) e);
        }
    }

    /** One code to a byte for all blocks, wrong ones where the scale is not {@link #inReach}. */
    private static void codes(MemorySegment floats, long from, int[] exponents, byte[] codes) {
        for (int b = 0; b < exponents.length; b++) {
            // 1 / halved scale, a power of two like the scale: multiplying by it is exact wherever it matters.
            float reciprocal = Float.intBitsToFloat((255 - exponents[b]) << 23);
            // One loop with one call: what is inlined twice is too much for the compiler to inline at all.
            for (int j = 0; j < BLOCK; j += LANES) {
                FloatVector x = Lanes.floats(floats, from + 4L * BLOCK * b + 4 * j);
                FloatVector scaled =
                        Lanes.magnitudeBits(x).reinterpretAsFloats().mul(reciprocal);
                Lanes.storeBytes(Fp4Lanes.encodeScaled(x, scaled), codes, BLOCK * b + j);
            }
        }
    }

    private static void storeCodes(byte[] codes, MemorySegment stored, long to) {
        for (int at = 0; at < codes.length; at += BLOCK) {
            long block = to + (long) STRIDE * (at / BLOCK) + 1;
            stored.set(Lanes.LONG, block, Lanes.int64(codes, at) | (Lanes.int64(codes, at + 16) << 4));
            stored.set(Lanes.LONG, block + 8, Lanes.int64(codes, at + 8) | (Lanes.int64(codes, at + 24) << 4));
        }
    }

    /** Whether the reciprocal of the scale and its largest multiple are within float32. */
    private static boolean inReach(int e) {
        return e >= 2 && e <= 252;
    }

    private static void storeCodesOutOfReach(
            MemorySegment floats, long from, float halvedScale, MemorySegment stored, long codes) {
        for (int j = 0; j < BLOCK / 2; j++) {
            int low = Fp4Lanes.nearest(floats.get(Lanes.FLOAT, from + 4L * j), halvedScale);
            int high = Fp4Lanes.nearest(floats.get(Lanes.FLOAT, from + 4L * (BLOCK / 2 + j)), halvedScale);
            stored.set(ValueLayout.JAVA_BYTE, codes + j, (byte) (low | (high << 4)));
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
