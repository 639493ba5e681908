package dev.gust.runtime.logits;

import java.util.Arrays;

/** Rows of logits in descending order; of equal ones the lower id is first. */
final class SortedLogits {
    private SortedLogits() {}

    /**
     * Sorts every row.
     *
     * @param logits [M, V]
     */
    static TopTokens of(float[] logits, int v) {
        int[] ids = new int[logits.length];
        float[] sorted = new float[logits.length];
        long[] keys = new long[v];
        for (int row = 0; row < logits.length / v; row++) {
            for (int i = 0; i < v; i++) {
                keys[i] = key(logits[row * v + i], i);
            }
            Arrays.sort(keys);
            for (int i = 0; i < v; i++) {
                ids[row * v + i] = id(keys[i]);
                sorted[row * v + i] = logits[row * v + id(keys[i])];
            }
        }
        return new TopTokens(v, ids, sorted);
    }

    /** A number that grows as logits fall and ids rise, so that the natural order of keys is that of tokens. */
    static long key(float logit, int id) {
        int bits = Float.floatToRawIntBits(logit + 0.0f); // −0 becomes 0
        int ascending = bits ^ ((bits >> 31) & 0x7FFF_FFFF);
        return ((long) ~ascending << 32) | id;
    }

    /** The id that a key was made of. */
    static int id(long key) {
        return (int) key;
    }

    /** The logit that a key was made of. */
    static float logit(long key) {
        int ascending = ~(int) (key >> 32);
        return Float.intBitsToFloat(ascending ^ ((ascending >> 31) & 0x7FFF_FFFF));
    }
}
