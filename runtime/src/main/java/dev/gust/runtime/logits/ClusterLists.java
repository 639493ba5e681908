package dev.gust.runtime.logits;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/** The tokens of each cluster, ascending; a cluster may have none. */
final class ClusterLists {
    private static final ValueLayout.OfInt I32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int[] starts;
    private final int[] tokens;

    ClusterLists(int[] assignments, int k) {
        starts = new int[k + 1];
        for (int cluster : assignments) {
            starts[cluster + 1]++;
        }
        for (int i = 0; i < k; i++) {
            starts[i + 1] += starts[i];
        }
        tokens = new int[assignments.length];
        int[] next = Arrays.copyOf(starts, k);
        for (int i = 0; i < assignments.length; i++) {
            tokens[next[assignments[i]]++] = i;
        }
    }

    /** Assignments as an array. */
    static int[] array(MemorySegment assignments) {
        return assignments.toArray(I32);
    }

    /**
     * The tokens to multiply exactly, ascending: those of the best clusters, of further clusters until there are enough,
     * and the special ones.
     *
     * @param scores of the centroids
     * @param probes clusters
     * @param least tokens
     */
    int[] candidates(float[] scores, int probes, int least, int[] special) {
        int k = scores.length;
        long[] keys = new long[k];
        for (int i = 0; i < k; i++) {
            keys[i] = SortedLogits.key(scores[i], i);
        }
        Arrays.sort(keys);
        int count = 0;
        int taken = 0;
        while (taken < k && (taken < probes || count < least)) {
            int cluster = SortedLogits.id(keys[taken++]);
            count += starts[cluster + 1] - starts[cluster];
        }
        int[] found = Arrays.copyOf(special, special.length + count);
        int at = special.length;
        for (int i = 0; i < taken; i++) {
            int cluster = SortedLogits.id(keys[i]);
            int size = starts[cluster + 1] - starts[cluster];
            System.arraycopy(tokens, starts[cluster], found, at, size);
            at += size;
        }
        return distinct(found);
    }

    /** Each id once, ascending. */
    static int[] distinct(int[] ids) {
        Arrays.sort(ids);
        int count = 0;
        for (int i = 0; i < ids.length; i++) {
            if (i == 0 || ids[i] != ids[i - 1]) {
                ids[count++] = ids[i];
            }
        }
        return Arrays.copyOf(ids, count);
    }
}
