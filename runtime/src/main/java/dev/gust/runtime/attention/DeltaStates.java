package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/** What plans ask of states that are handed to them. */
final class DeltaStates {
    private DeltaStates() {}

    /**
     * How many sequences' states [n, HV, K, V] these are.
     *
     * @throws IllegalArgumentException if they are not whole, or more than the plan has
     */
    static int count(MemorySegment states, DeltaSizes sizes) {
        return count(states, sizes.stateElements(1) * Float.BYTES, sizes.sequences());
    }

    /**
     * How many sequences' states these are.
     *
     * @param bytes of each
     * @param sequences most of them
     * @throws IllegalArgumentException if they are not whole, or more than the plan has
     */
    static int count(MemorySegment states, long bytes, int sequences) {
        if (states.byteSize() % bytes != 0 || states.byteSize() / bytes > sequences) {
            throw new IllegalArgumentException("states of " + states.byteSize() + " bytes where " + bytes
                    + " belong to each of at most " + sequences + " sequences");
        }
        return (int) (states.byteSize() / bytes);
    }
}
