package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * One call of a rule's gradients, checked.
 *
 * @param call the tensors
 * @param initial where states began, by name
 * @param dO the gradient of o
 * @param dFinal those of the final states, by name
 * @param gradients those that are wanted: by a tensor's name, or {@link AttentionBackwardPlan#INITIAL} and a state's
 */
record BackwardCall(
        RuleCall call,
        Map<String, MemorySegment> initial,
        MemorySegment dO,
        Map<String, MemorySegment> dFinal,
        Map<String, MemorySegment> gradients) {
    MemorySegment tensor(String name) {
        return call.tensor(name);
    }

    Sequences sequences() {
        return call.sequences();
    }

    int tokens() {
        return call.sequences().tokens();
    }

    /** Where a gradient goes, {@link DeltaOperands#NOTHING} if it is not wanted. */
    MemorySegment wanted(String name) {
        return gradients.getOrDefault(name, DeltaOperands.NOTHING);
    }

    /** Whether one of these gradients is wanted. */
    boolean wantsAny(String... names) {
        for (String name : names) {
            if (gradients.containsKey(name)) {
                return true;
            }
        }
        return false;
    }

    /** The gradient of what is carried on the host [N, HV, length] behind the last token; zero if it was not given. */
    double dFinal(Carried carried, int at) {
        MemorySegment given = dFinal.get(carried.name());
        return given == null ? 0 : RuleCall.at(given, at);
    }

    /** Sets the gradient of what was carried before the first token, if it is wanted. */
    void setInitial(Carried carried, int at, double gradient) {
        MemorySegment wanted = gradients.get(AttentionBackwardPlan.INITIAL + carried.name());
        if (wanted != null) {
            RuleCall.set(wanted, at, (float) gradient);
        }
    }
}
