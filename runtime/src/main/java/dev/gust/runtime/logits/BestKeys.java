package dev.gust.runtime.logits;

import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The best so many of many scores. Scores below a bound are passed over 16 or so at a time; what is left gathers in a
 * buffer, which is cut down to the best whenever it is full, and that raises the bound.
 */
final class BestKeys {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LEAST = 256;

    private final int wanted;
    private final Bound shared;
    private final long[] keys;
    private int count;
    private float bound;

    /** The highest bound that any thread knows for one hidden state: so many scores are at least as high. */
    static final class Bound {
        private final AtomicInteger bits = new AtomicInteger(Float.floatToRawIntBits(Float.NEGATIVE_INFINITY));

        private float value() {
            return Float.intBitsToFloat(bits.get());
        }

        private void raise(float to) {
            for (int now = bits.get(); Float.intBitsToFloat(now) < to; now = bits.get()) {
                if (bits.compareAndSet(now, Float.floatToRawIntBits(to))) {
                    break;
                }
            }
        }
    }

    /** @param wanted how many, at least 1 */
    BestKeys(int wanted, Bound shared) {
        this.wanted = wanted;
        this.shared = shared;
        this.keys = new long[Math.addExact(wanted, Math.max(LEAST, wanted))];
        this.bound = shared.value();
    }

    /**
     * Takes scores.
     *
     * @param scores of tokens {@code first} and so on
     * @param length how many
     */
    void offer(float[] scores, int length, int first) {
        bound = Math.max(bound, shared.value());
        int i = 0;
        for (; i + F.length() <= length; i += F.length()) {
            VectorMask<Float> high = FloatVector.fromArray(F, scores, i).compare(VectorOperators.GE, bound);
            if (high.anyTrue()) {
                take(scores, i, high.toLong(), first);
            }
        }
        for (; i < length; i++) {
            if (scores[i] >= bound) {
                add(scores[i], first + i);
            }
        }
    }

    private void take(float[] scores, int from, long lanes, int first) {
        for (long rest = lanes; rest != 0; rest &= rest - 1) {
            int i = from + Long.numberOfTrailingZeros(rest);
            if (scores[i] >= bound) {
                add(scores[i], first + i);
            }
        }
    }

    /** Takes one. */
    void add(float score, int id) {
        keys[count++] = SortedLogits.key(score, id);
        if (count == keys.length) {
            sort();
        }
    }

    private void sort() {
        Arrays.sort(keys, 0, count);
        if (count >= wanted) {
            count = wanted;
            bound = Math.max(bound, SortedLogits.logit(keys[wanted - 1]));
            shared.raise(bound);
        }
    }

    /** The best, in order; fewer if there were fewer, or if other threads are known to have better ones. */
    long[] best() {
        sort();
        return Arrays.copyOf(keys, count);
    }
}
