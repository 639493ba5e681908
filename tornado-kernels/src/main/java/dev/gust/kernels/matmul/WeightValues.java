package dev.gust.kernels.matmul;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Restores one element of a packed weight; pieces of kernels. The element's index e counts row by row over the weight
 * [N, K]; words hold the stored bytes, little-endian.
 */
public final class WeightValues {
    private WeightValues() {}

    /** Byte i of the stored data. */
    public static int byteAt(IntArray words, int i) {
        return (words.get(i >> 2) >> ((i & 3) << 3)) & 0xff;
    }

    /** The 16 bits at byte i, which is even. */
    public static int int16At(IntArray words, int i) {
        return (words.get(i >> 2) >> ((i & 2) << 3)) & 0xffff;
    }

    /** The F16 number with these 16 bits. */
    public static float f16(FloatArray tables, int h) {
        int exponent = h >> 10;
        return tables.get(Tables.F16_FACTORS + exponent) * (float) (h & 0x3ff)
                + tables.get(Tables.F16_OFFSETS + exponent);
    }

    /** The BF16 number with these 16 bits. */
    public static float bf16(FloatArray tables, int h) {
        int exponent = h >> 7;
        return tables.get(Tables.BF16_FACTORS + exponent) * (float) (h & 0x7f)
                + tables.get(Tables.BF16_OFFSETS + exponent);
    }

    static float bits8(IntArray words, FloatArray tables, int e) {
        return tables.get(Tables.CODES + byteAt(words, e));
    }

    /** Four codes in three bytes; a code spans two bytes at most, and the byte after the last code is padding. */
    static float bits6(IntArray words, FloatArray tables, int e) {
        int group = (e >> 2) * 3;
        int bit = (e & 3) * 6;
        int at = group + (bit >> 3);
        int low = byteAt(words, at);
        int high = byteAt(words, at + 1);
        return tables.get(Tables.CODES + (((low + (high << 8)) >> (bit & 7)) & 63));
    }

    static float bits4(IntArray words, FloatArray tables, int e) {
        return tables.get(Tables.CODES + ((words.get(e >> 3) >> ((e & 7) << 2)) & 15));
    }

    /**
     * The stored value of a format without blocks, without the scales that lie apart. Kernels call this or a method of
     * {@link BlockValues}, as the code asks: TornadoVM inlines methods before it folds constants, and refuses large ones.
     *
     * @param words the packed weight; unused for {@link WeightCode#F32}
     * @param floats the weight as {@link WeightCode#F32}; otherwise unused
     * @param tables see {@link Tables}
     * @param e index of the element
     * @param code one of {@link WeightCode} below {@link WeightCode#FIRST_BLOCK}, a constant
     */
    public static float stored(IntArray words, FloatArray floats, FloatArray tables, int e, int code) {
        float value;
        if (code == WeightCode.F32) {
            value = floats.get(e);
        } else if (code == WeightCode.F16) {
            value = f16(tables, int16At(words, e << 1));
        } else if (code == WeightCode.BF16) {
            value = bf16(tables, int16At(words, e << 1));
        } else if (code == WeightCode.BITS_8) {
            value = bits8(words, tables, e);
        } else if (code == WeightCode.BITS_6) {
            value = bits6(words, tables, e);
        } else {
            value = bits4(words, tables, e);
        }
        return value;
    }

    /**
     * The scale of an element.
     *
     * @param scaleWords scales of one byte, four to a word; otherwise unused
     * @param scales float32 scales; otherwise unused
     * @param index index into the matrix of scales
     * @param scale one of {@link ScaleCode}, a constant
     */
    public static float scale(IntArray scaleWords, FloatArray scales, FloatArray tables, int index, int scale) {
        float value = 1.0f;
        if (scale == ScaleCode.FLOATS) {
            value = scales.get(index);
        } else if (scale == ScaleCode.BYTES) {
            value = tables.get(Tables.SCALES + byteAt(scaleWords, index));
        }
        return value;
    }
}
