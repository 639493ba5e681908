package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/**
 * One call of a rule: its tensors as users gave them, checked.
 *
 * @param tensors by name
 * @param sequences which tokens are whose
 */
record RuleCall(Map<String, MemorySegment> tensors, Sequences sequences) {
    /** A tensor, {@link DeltaOperands#NOTHING} if it was left out. */
    MemorySegment tensor(String name) {
        return tensors.getOrDefault(name, DeltaOperands.NOTHING);
    }

    static float at(MemorySegment x, long i) {
        return x.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
    }

    static void set(MemorySegment x, long i, float value) {
        x.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, value);
    }
}
