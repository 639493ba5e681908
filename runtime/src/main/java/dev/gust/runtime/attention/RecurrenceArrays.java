package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * The arrays of a recurrence's kernels, as a plan fills and reads them.
 *
 * @param <X> what a call works on
 */
interface RecurrenceArrays<X> {
    /**
     * @throws IllegalArgumentException if a call does not fit
     */
    void check(X operands, Sequences sequences, MemorySegment o);

    /** Says where the call's sequences and their chunks begin, and which states are zero. */
    void place(Sequences call, boolean[] cleared);

    /** Copies a call's inputs in. */
    void fill(X operands);

    /** States of all sequences, one after the other. */
    FloatArray state();

    /** The output. */
    FloatArray o();

    /** Sequences for which there are states. */
    int capacity();

    /** Elements of the state of one sequence. */
    long stateElements();
}
