package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Restores one element of a weight in GGUF's blocks (ggml, docs/gguf.md and ggml-common.h); pieces of kernels. */
final class BlockValues {
    private BlockValues() {}

    /** 34 bytes for 32 elements: F16 d, 32 signed bytes. */
    static float q80(IntArray words, FloatArray tables, int e) {
        int at = (e >> 5) * 34;
        int q = WeightValues.byteAt(words, at + 2 + (e & 31));
        return WeightValues.f16(tables, WeightValues.int16At(words, at)) * ((float) (q ^ 128) - 128.0f);
    }

    /** 18 bytes for 32 elements: F16 d, then element j in the low and j + 16 in the high nibble of byte j; d · (q − 8). */
    static float q40(IntArray words, FloatArray tables, int e) {
        int at = (e >> 5) * 18;
        int q = (WeightValues.byteAt(words, at + 2 + (e & 15)) >> ((e & 16) >> 2)) & 15;
        return WeightValues.f16(tables, WeightValues.int16At(words, at)) * ((float) q - 8.0f);
    }

    /** 144 bytes for 256 elements: F16 d and dmin, 8 pairs of 6-bit scales and minima in 12 bytes, 128 bytes of nibbles. */
    static float q4k(IntArray words, FloatArray tables, int e) {
        int at = (e >> 8) * 144;
        int sub = (e & 255) >> 5;
        int head = words.get(at >> 2);
        float d = WeightValues.f16(tables, head & 0xffff);
        float dmin = WeightValues.f16(tables, (head >> 16) & 0xffff);
        int low = sub & 3;
        int first = WeightValues.byteAt(words, at + 4 + low);
        int second = WeightValues.byteAt(words, at + 8 + low);
        int third = WeightValues.byteAt(words, at + 12 + low);
        int scale = sub < 4 ? first & 63 : (third & 15) + ((first >> 6) << 4);
        int min = sub < 4 ? second & 63 : (third >> 4) + ((second >> 6) << 4);
        int q = (WeightValues.byteAt(words, at + 16 + ((sub >> 1) << 5) + (e & 31)) >> ((sub & 1) << 2)) & 15;
        return d * (float) scale * (float) q - dmin * (float) min;
    }

    /** 210 bytes for 256 elements: 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, F16 d; q − 32. */
    static float q6k(IntArray words, FloatArray tables, int e) {
        int at = (e >> 8) * 210;
        int half = (e >> 7) & 1;
        int quarter = (e >> 5) & 3;
        int l = e & 31;
        int low = WeightValues.byteAt(words, at + (half << 6) + ((quarter & 1) << 5) + l) >> ((quarter >> 1) << 2);
        int high = WeightValues.byteAt(words, at + 128 + (half << 5) + l) >> (quarter << 1);
        int scale = WeightValues.byteAt(words, at + 192 + (half << 3) + (l >> 4) + (quarter << 1));
        int q = (low & 15) + ((high & 3) << 4);
        float d = WeightValues.f16(tables, WeightValues.int16At(words, at + 208));
        return d * ((float) (scale ^ 128) - 128.0f) * ((float) q - 32.0f);
    }

    /** 17 bytes for 32 elements: E8M0 scale, then element j in the low and j + 16 in the high nibble of byte j. */
    static float mxfp4(IntArray words, FloatArray tables, int e) {
        int at = (e >> 5) * 17;
        int q = (WeightValues.byteAt(words, at + 1 + (e & 15)) >> ((e & 16) >> 2)) & 15;
        return tables.get(Tables.SCALES + WeightValues.byteAt(words, at)) * tables.get(Tables.CODES + q);
    }

    /** 36 bytes for 64 elements: four E4M3 scales, then for each 16 elements 8 bytes, j in the low, j + 8 in the high nibble. */
    static float nvfp4(IntArray words, FloatArray tables, int e) {
        int at = (e >> 6) * 36;
        int sub = (e >> 4) & 3;
        int q = (WeightValues.byteAt(words, at + 4 + (sub << 3) + (e & 7)) >> ((e & 8) >> 1)) & 15;
        return tables.get(Tables.SCALES + WeightValues.byteAt(words, at + sub)) * tables.get(Tables.CODES + q);
    }

    /**
     * The stored value of a block with one scale for few elements.
     *
     * @param code Q8_0, Q4_0, MXFP4_BLOCKS or NVFP4_BLOCKS of {@link WeightCode}, a constant
     */
    static float inBlock(IntArray words, FloatArray tables, int e, int code) {
        float value;
        if (code == WeightCode.Q8_0) {
            value = q80(words, tables, e);
        } else if (code == WeightCode.Q4_0) {
            value = q40(words, tables, e);
        } else if (code == WeightCode.MXFP4_BLOCKS) {
            value = mxfp4(words, tables, e);
        } else {
            value = nvfp4(words, tables, e);
        }
        return value;
    }

    /**
     * The stored value of a block of blocks.
     *
     * @param code Q4_K or Q6_K of {@link WeightCode}, a constant
     */
    static float inSuperBlock(IntArray words, FloatArray tables, int e, int code) {
        float value;
        if (code == WeightCode.Q4_K) {
            value = q4k(words, tables, e);
        } else {
            value = q6k(words, tables, e);
        }
        return value;
    }
}
