package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/** A rule through which gradients go back. It carries nothing on the host. */
interface DifferentiableRule extends DeltaRule {
    /**
     * The gradient of what the step wrote, where the rule finishes it.
     *
     * @param raw what the step wrote
     * @param dO the gradient of o
     */
    default MemorySegment outputGradient(RuleCall call, MemorySegment raw, MemorySegment dO) {
        return dO;
    }

    /**
     * Where the step's gradients go: to those that are wanted, or to scratch that {@link #finishGradients} makes them of.
     *
     * @param wanted by the tensors' names
     * @param initialStates that of the step's states
     */
    DeltaGradients route(RuleCall call, Map<String, MemorySegment> wanted, MemorySegment initialStates);

    /** Makes what is wanted of what went to scratch. */
    default void finishGradients(RuleCall call, Map<String, MemorySegment> wanted) {}

    /** What is wanted under a name. */
    static MemorySegment wanted(Map<String, MemorySegment> gradients, String name) {
        return gradients.getOrDefault(name, DeltaOperands.NOTHING);
    }
}
