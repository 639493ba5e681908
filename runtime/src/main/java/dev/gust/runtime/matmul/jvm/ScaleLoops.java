package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The scales of one row's blocks in GGUF's types, times the scales of x: what the integer loops multiply sums by. Each returns
 * what the scales themselves add to the product: nothing, but for Q4_K's minima.
 */
final class ScaleLoops {
    private static final VarHandle I16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle I32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /** Halves of the scales, for doubled codes. */
    private static final float[] HALVED_E8M0 = new float[256];

    /** NVFP4's in GGUF: bit 7 is ignored but in 0xFF, and 0x7F is 0. */
    private static final float[] HALVED_UE4M3 = new float[256];

    static {
        for (int c = 0; c < 256; c++) {
            HALVED_E8M0[c] = E8M0.decode(c) / 2;
            HALVED_UE4M3[c] = c == 0x7F ? 0 : c == 0xFF ? 240 : FloatFormat.E4M3FN.decode(c & 0x7F) / 2;
        }
    }

    /** A float for each 32 elements of a block of 256. */
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_256;

    private ScaleLoops() {}

    /** An F16 scale at the start of each block of 32. */
    static float halves(byte[] w, int stride, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = Float.float16ToFloat((short) I16.get(w, b * stride)) * inputs[b];
        }
        return 0;
    }

    /** MXFP4's blocks of 32: a byte 2^(c − 127), 16 bytes of codes. Halved. */
    static float mxfp4(byte[] w, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = HALVED_E8M0[w[b * 17] & 0xFF] * inputs[b];
        }
        return 0;
    }

    /** NVFP4's blocks of 64: four E4M3 bytes, 32 bytes of codes; two scales to 32 elements. Halved. */
    static float nvfp4(byte[] w, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 2) {
            int four = (int) I32.get(w, (b >> 1) * 36);
            scales[2 * b] = HALVED_UE4M3[four & 0xFF] * inputs[b];
            scales[2 * b + 1] = HALVED_UE4M3[four >> 8 & 0xFF] * inputs[b];
            scales[2 * b + 2] = HALVED_UE4M3[four >> 16 & 0xFF] * inputs[b + 1];
            scales[2 * b + 3] = HALVED_UE4M3[four >>> 24] * inputs[b + 1];
        }
        return 0;
    }

    /**
     * Q4_K's blocks of 256: F16 d and dmin, then 6-bit scales and minima for 8 times 32 elements in 12 bytes.
     *
     * @return what the minima add to the product
     */
    static float q4k(byte[] w, IntegerInput x, float[] scales) {
        FloatVector minima = FloatVector.zero(F);
        for (int b = 0, from = 0; b < x.scales.length; b += 8, from += 144) {
            int first = (int) I32.get(w, from + 4);
            int second = (int) I32.get(w, from + 8);
            int third = (int) I32.get(w, from + 12);
            int highCodes = third & 0x0f0f0f0f | (first >>> 2) & 0x30303030;
            int highMins = (third >>> 4) & 0x0f0f0f0f | (second >>> 2) & 0x30303030;
            float d = Float.float16ToFloat((short) I16.get(w, from));
            float dmin = Float.float16ToFloat((short) I16.get(w, from + 2));
            sixBits(first, highCodes)
                    .mul(d)
                    .mul(FloatVector.fromArray(F, x.scales, b))
                    .intoArray(scales, b);
            minima = sixBits(second, highMins).mul(dmin).fma(FloatVector.fromArray(F, x.sums, b), minima);
        }
        return -minima.reduceLanes(VectorOperators.ADD);
    }

    /** Q6_K's blocks of 256: signed bytes for 16 times 16 elements at 192, F16 d at 208. */
    static float q6k(byte[] w, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 8) {
            int from = (b >> 3) * 210;
            float d = Float.float16ToFloat((short) I16.get(w, from + 208));
            for (int j = 0; j < 16; j++) {
                scales[2 * b + j] = d * w[from + 192 + j] * inputs[b + (j >> 1)];
            }
        }
        return 0;
    }

    /** Four 6-bit numbers in the lower bits of one word's bytes and four in another's. */
    private static FloatVector sixBits(int low, int high) {
        long eight = (low & 0x3f3f3f3fL) | (long) high << 32;
        return (FloatVector) LongVector.broadcast(LongVector.SPECIES_128, eight)
                .reinterpretAsBytes()
                .convertShape(VectorOperators.ZERO_EXTEND_B2I, IntVector.SPECIES_256, 0)
                .convertShape(VectorOperators.I2F, F, 0);
    }
}
