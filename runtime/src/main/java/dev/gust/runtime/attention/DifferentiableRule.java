package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;

/**
 * A rule through which gradients go back.
 *
 * @param <X> the recurrence's operands
 * @param <G> where the gradients of those go
 */
interface DifferentiableRule<X, G> extends AttentionRule<X> {
    /**
     * The recurrence's gradients, ready on a device.
     *
     * @param form of the recurrence where they are found by it
     * @param decays how gradients of log decays are found
     */
    BackwardPlan<X, G> prepareBackward(Device device, Form form, DecayGradient decays);

    /** Whether {@link #outputGradient} asks for what the recurrence wrote. */
    default boolean needsOutput() {
        return false;
    }

    /**
     * The gradient of what the recurrence wrote, where the rule finishes it.
     *
     * @param raw what the recurrence wrote, if {@link #needsOutput()}
     */
    default MemorySegment outputGradient(BackwardCall call, MemorySegment raw) {
        return call.dO();
    }

    /**
     * Where the recurrence's gradients go: to those that are wanted, or to scratch that {@link #finishGradients} makes them
     * of.
     *
     * @param initialStates that of the recurrence's states
     */
    G route(BackwardCall call, MemorySegment initialStates);

    /** Makes what is wanted of what the recurrence found: of tensors, and of what is carried on the host. */
    default void finishGradients(BackwardCall call) {}
}
