package dev.gust.kernels.cast;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** The kernels of {@link PortableCast} with one work-item to a word of output and groups of {@link #LOCAL}. */
public final class GroupCast {
    /** Work-items in a group. */
    public static final int LOCAL = 128;

    private GroupCast() {}

    /** As {@link PortableCast#encodePortable}, for at least {@code words} work-items along x. */
    public static void encodeGroups(
            KernelContext context,
            IntArray bits,
            IntArray codes,
            IntArray format,
            LongArray state,
            int perWord,
            int e8m0,
            int saturate,
            int stochastic,
            int words) {
        int word = context.globalIdx;
        if (word < words) {
            codes.set(word, CastCodes.encodeWord(bits, format, state, word, perWord, e8m0, saturate, stochastic));
        }
    }

    /** As {@link PortableCast#decodePortable}, for at least {@code count} work-items along x. */
    public static void decodeGroups(
            KernelContext context, IntArray codes, IntArray table, IntArray bits, int perWord, int count) {
        int i = context.globalIdx;
        if (i < count) {
            bits.set(i, CastCodes.decode(codes, table, i, perWord));
        }
    }
}
