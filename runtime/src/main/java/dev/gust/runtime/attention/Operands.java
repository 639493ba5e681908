package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/** What is asked of, and done with, the operands of a call. */
final class Operands {
    private Operands() {}

    /**
     * @throws IllegalArgumentException if the call has more tokens or sequences than the plan is for
     */
    static void requireRoom(Sequences call, int tokens, int sequences) {
        if (call.tokens() > tokens || call.count() > sequences) {
            throw new IllegalArgumentException(call.tokens() + " tokens in " + call.count()
                    + " sequences for a plan of at most " + tokens + " in " + sequences);
        }
    }

    /**
     * @throws IllegalArgumentException if the segment does not have that many floats
     */
    static void require(String name, MemorySegment segment, long elements) {
        if (segment.byteSize() != elements * Float.BYTES) {
            throw new IllegalArgumentException(
                    name + " has " + segment.byteSize() + " bytes where " + elements + " floats are wanted");
        }
    }

    /** Copies floats to the beginning of an array. */
    static void copy(MemorySegment from, FloatArray to) {
        if (from.byteSize() > 0) {
            MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
        }
    }
}
