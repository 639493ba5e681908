package dev.gust.kernels.cast;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** float32 to codes and back, on any device: one word of output to a thread. Floats travel as their bits. */
public final class PortableCast {
    private PortableCast() {}

    /**
     * Encodes.
     *
     * @param bits float32 values [words · perWord], of which COUNT are read
     * @param codes receives the codes [words], {@code perWord} to a word; all of it is written
     * @param format see {@link CastFormat}
     * @param state the random generator's state for element 0
     * @param perWord 4 for codes of up to 8 bits, else 2
     * @param e8m0 1 for E8M0, which has no sign and no mantissa
     * @param saturate 1 to saturate; matters to E8M0 only, other types say it by {@link CastFormat#BEYOND}
     * @param stochastic 1 to round at random
     * @param words length of {@code codes}
     */
    public static void encodePortable(
            IntArray bits,
            IntArray codes,
            IntArray format,
            LongArray state,
            int perWord,
            int e8m0,
            int saturate,
            int stochastic,
            int words) {
        for (@Parallel int word = 0; word < words; word++) {
            codes.set(word, CastCodes.encodeWord(bits, format, state, word, perWord, e8m0, saturate, stochastic));
        }
    }

    /**
     * Decodes.
     *
     * @param codes {@code perWord} to a word
     * @param table float32 bits for every code
     * @param bits receives float32 values; all of it is written
     * @param perWord 4 for codes of 8 bits, 2 for codes of 16
     * @param count length of {@code bits}
     */
    public static void decodePortable(IntArray codes, IntArray table, IntArray bits, int perWord, int count) {
        for (@Parallel int i = 0; i < count; i++) {
            bits.set(i, CastCodes.decode(codes, table, i, perWord));
        }
    }
}
