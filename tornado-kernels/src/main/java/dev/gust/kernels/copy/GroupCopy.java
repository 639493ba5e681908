package dev.gust.kernels.copy;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Copies words, so that a device's memory bandwidth can be measured: four to a work-item, one group's span apart, which
 * keeps several loads in flight and lets neighbours read neighbouring words.
 */
public final class GroupCopy {
    /** Work-items in a group. */
    public static final int LOCAL = 256;

    /** Words that a work-item copies. */
    public static final int WORDS = 4;

    private GroupCopy() {}

    /**
     * The kernel, for a group to each {@code LOCAL · WORDS} words.
     *
     * @param from a multiple of that many words
     * @param to as many; all of it is written
     */
    public static void copyGroups(KernelContext context, IntArray from, IntArray to) {
        int at = context.groupIdx * (LOCAL * WORDS) + context.localIdx;
        int a = from.get(at);
        int b = from.get(at + LOCAL);
        int c = from.get(at + 2 * LOCAL);
        int d = from.get(at + 3 * LOCAL);
        to.set(at, a);
        to.set(at + LOCAL, b);
        to.set(at + 2 * LOCAL, c);
        to.set(at + 3 * LOCAL, d);
    }
}
