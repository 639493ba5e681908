package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The scales of one row's blocks in GGUF's types, times the scales of x: what the integer loops multiply sums by. */
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

    private ScaleLoops() {}

    /** An F16 scale at the start of each block of 32. */
    static void halves(byte[] w, int at, int stride, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = Float.float16ToFloat((short) I16.get(w, at + b * stride)) * inputs[b];
        }
    }

    /** MXFP4's blocks of 32: a byte 2^(c − 127), 16 bytes of codes. Halved. */
    static void mxfp4(byte[] w, int at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = HALVED_E8M0[w[at + b * 17] & 0xFF] * inputs[b];
        }
    }

    /** NVFP4's blocks of 64: four E4M3 bytes, 32 bytes of codes; two scales to 32 elements. Halved. */
    static void nvfp4(byte[] w, int at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 2) {
            int four = (int) I32.get(w, at + (b >> 1) * 36);
            scales[2 * b] = HALVED_UE4M3[four & 0xFF] * inputs[b];
            scales[2 * b + 1] = HALVED_UE4M3[four >> 8 & 0xFF] * inputs[b];
            scales[2 * b + 2] = HALVED_UE4M3[four >> 16 & 0xFF] * inputs[b + 1];
            scales[2 * b + 3] = HALVED_UE4M3[four >>> 24] * inputs[b + 1];
        }
    }

    /**
     * Q4_K's blocks of 256: F16 d and dmin, then 6-bit scales and minima for 8 times 32 elements in 12 bytes.
     *
     * @return what the minima take from the product
     */
    static float q4k(byte[] w, int at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        float[] sums = x.sums;
        float minima = 0;
        for (int b = 0; b < inputs.length; b += 8) {
            int from = at + (b >> 3) * 144;
            float d = Float.float16ToFloat((short) I16.get(w, from));
            float dmin = Float.float16ToFloat((short) I16.get(w, from + 2));
            int first = (int) I32.get(w, from + 4);
            int second = (int) I32.get(w, from + 8);
            int third = (int) I32.get(w, from + 12);
            int lowScales = first & 0x3f3f3f3f;
            int lowMins = second & 0x3f3f3f3f;
            int highScales = third & 0x0f0f0f0f | (first >>> 2) & 0x30303030;
            int highMins = (third >>> 4) & 0x0f0f0f0f | (second >>> 2) & 0x30303030;
            float min = 0;
            for (int j = 0; j < 4; j++) {
                scales[b + j] = d * (lowScales >> 8 * j & 0x3f) * inputs[b + j];
                scales[b + 4 + j] = d * (highScales >> 8 * j & 0x3f) * inputs[b + 4 + j];
                min += (lowMins >> 8 * j & 0x3f) * sums[b + j] + (highMins >> 8 * j & 0x3f) * sums[b + 4 + j];
            }
            minima += dmin * min;
        }
        return minima;
    }

    /** Q6_K's blocks of 256: signed bytes for 16 times 16 elements at 192, F16 d at 208. */
    static void q6k(byte[] w, int at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 8) {
            int from = at + (b >> 3) * 210;
            float d = Float.float16ToFloat((short) I16.get(w, from + 208));
            for (int j = 0; j < 16; j++) {
                scales[2 * b + j] = d * w[from + 192 + j] * inputs[b + (j >> 1)];
            }
        }
    }
}
