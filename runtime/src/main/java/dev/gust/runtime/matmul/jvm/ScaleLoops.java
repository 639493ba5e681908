package dev.gust.runtime.matmul.jvm;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The scales of one row's blocks in GGUF's types, times the scales of x: what the integer loops multiply sums by. */
final class ScaleLoops {
    private static final ValueLayout.OfShort I16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfByte I8 = ValueLayout.JAVA_BYTE;

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
    static void halves(MemorySegment w, long at, int stride, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = Float.float16ToFloat(w.get(I16, at + (long) b * stride)) * inputs[b];
        }
    }

    /** MXFP4's blocks of 32: a byte 2^(c − 127), 16 bytes of codes. Halved. */
    static void mxfp4(MemorySegment w, long at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b++) {
            scales[b] = HALVED_E8M0[w.get(I8, at + b * 17L) & 0xFF] * inputs[b];
        }
    }

    /** NVFP4's blocks of 64: four E4M3 bytes, 32 bytes of codes; two scales to 32 elements. Halved. */
    static void nvfp4(MemorySegment w, long at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 2) {
            int four = w.get(I32, at + (b >> 1) * 36L);
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
    static float q4k(MemorySegment w, long at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        float[] sums = x.sums;
        float minima = 0;
        for (int b = 0; b < inputs.length; b += 8) {
            long from = at + (b >> 3) * 144L;
            float d = Float.float16ToFloat(w.get(I16, from));
            float dmin = Float.float16ToFloat(w.get(I16, from + 2));
            int first = w.get(I32, from + 4);
            int second = w.get(I32, from + 8);
            int third = w.get(I32, from + 12);
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
    static void q6k(MemorySegment w, long at, IntegerInput x, float[] scales) {
        float[] inputs = x.scales;
        for (int b = 0; b < inputs.length; b += 8) {
            long from = at + (b >> 3) * 210L;
            float d = Float.float16ToFloat(w.get(I16, from + 208));
            for (int j = 0; j < 16; j++) {
                scales[2 * b + j] = d * w.get(I8, from + 192 + j) * inputs[b + (j >> 1)];
            }
        }
    }
}
