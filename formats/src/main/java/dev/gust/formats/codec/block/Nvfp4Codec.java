package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.IOTA;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/**
 * NVFP4: four unsigned E4M3 scales, one for every 16 elements, then 8 bytes for each of the four with the E2M1 code of
 * element j in the low and of element j+8 in the high nibble. The tensor's float32 scale is a tensor of its own.
 */
final class Nvfp4Codec extends DirectBlockCodec {
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
    void decodeChunk(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        int subs = (int) (count / SUB);
        for (int s = 0; s < subs; s++) {
            int code = stored.get(ValueLayout.JAVA_BYTE, scaleOffset(from, s)) & 0xFF;
            decodeSub(stored, codesOffset(from, s), HALVED_SCALES[code], floats, to + 4L * SUB * s);
        }
    }

    private static void decodeSub(MemorySegment stored, long codes, float d, MemorySegment floats, long to) {
        if (LANES == 16) {
            IntVector q = Lanes.unsignedBytesTwice(stored.get(Lanes.LONG, codes))
                    .lanewise(VectorOperators.LSHR, NIBBLE_SHIFTS);
            Lanes.store(Fp4Lanes.decode(q.and(15)).mul(d), floats, to);
        } else {
            for (int j = 0; j < SUB / 2; j += LANES) {
                IntVector q = CodeLanes.loadBytes(stored, codes + j);
                Lanes.store(Fp4Lanes.decode(q.and(15)).mul(d), floats, to + 4 * j);
                FloatVector high = Fp4Lanes.decode(q.lanewise(VectorOperators.LSHR, 4));
                Lanes.store(high.mul(d), floats, to + 2 * SUB + 4 * j);
            }
        }
    }

    private static long scaleOffset(long from, int sub) {
        return from + (long) STRIDE * (sub >> 2) + (sub & 3);
    }

    private static long codesOffset(long from, int sub) {
        return from + (long) STRIDE * (sub >> 2) + 4 + 8 * (sub & 3);
    }

    @Override
    void encodeChunk(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        int subs = (int) (count / SUB);
        int[] maxima = new int[subs];
        float[] scales = new float[subs];
        Lanes.maxMagnitudeBits(floats, from, SUB, subs, maxima);
        storeScales(maxima, scales, stored, to);
        storeCodes(floats, from, scales, stored, to);
        for (int s = 0; s < subs; s++) {
            if (scales[s] == 0 || Float.intBitsToFloat(maxima[s]) > MAX_SCALED) {
                storeCodesOutOfReach(floats, from + 4L * SUB * s, scales[s], stored, codesOffset(to, s));
            }
        }
    }

    private static void storeScales(int[] maxima, float[] halvedScales, MemorySegment stored, long to) {
        for (int s = 0; s < maxima.length; s++) {
            int scale = scale(Float.intBitsToFloat(maxima[s]) / 6);
            halvedScales[s] = HALVED_SCALES[scale];
            stored.set(ValueLayout.JAVA_BYTE, scaleOffset(to, s), (byte) scale);
        }
    }

    /** Writes all codes, wrong ones where a scale is 0 or the values are beyond {@link #MAX_SCALED}. */
    private static void storeCodes(MemorySegment floats, long from, float[] scales, MemorySegment stored, long to) {
        if (LANES == 16) {
            for (int s = 0; s < scales.length; s++) {
                FloatVector x = Lanes.floats(floats, from + 4L * SUB * s);
                IntVector codes = Fp4Lanes.encode(x, scales[s]).lanewise(VectorOperators.LSHL, NIBBLE_SHIFTS);
                LongVector bytes = codes.convertShape(VectorOperators.I2B, ByteVector.SPECIES_128, 0)
                        .reinterpretAsLongs();
                stored.set(Lanes.LONG, codesOffset(to, s), bytes.lane(0) | bytes.lane(1));
            }
            return;
        }
        byte[] codes = new byte[scales.length * SUB];
        codes(floats, from, scales, codes);
        for (int s = 0; s < scales.length; s++) {
            long packed = Lanes.int64(codes, SUB * s) | (Lanes.int64(codes, SUB * s + 8) << 4);
            stored.set(Lanes.LONG, codesOffset(to, s), packed);
        }
    }

    /** One code to a byte. */
    private static void codes(MemorySegment floats, long from, float[] scales, byte[] codes) {
        for (int s = 0; s < scales.length; s++) {
            for (int j = 0; j < SUB; j += LANES) {
                FloatVector x = Lanes.floats(floats, from + 4L * SUB * s + 4 * j);
                Lanes.storeBytes(Fp4Lanes.encode(x, scales[s]), codes, SUB * s + j);
            }
        }
    }

    private static void storeCodesOutOfReach(
            MemorySegment floats, long from, float halvedScale, MemorySegment stored, long codes) {
        for (int j = 0; j < SUB / 2; j++) {
            int low = Fp4Lanes.nearest(floats.get(Lanes.FLOAT, from + 4L * j), halvedScale);
            int high = Fp4Lanes.nearest(floats.get(Lanes.FLOAT, from + 4L * (SUB / 2 + j)), halvedScale);
            stored.set(ValueLayout.JAVA_BYTE, codes + j, (byte) (low | (high << 4)));
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
