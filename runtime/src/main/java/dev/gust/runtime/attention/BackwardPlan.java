package dev.gust.runtime.attention;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * The gradients of a recurrence made ready on a device. Nothing is carried from call to call. Safe to call from many threads,
 * one call after the other.
 *
 * @param <X> what the recurrence works on
 * @param <G> where the gradients of that go
 */
public interface BackwardPlan<X, G> extends AutoCloseable {
    /**
     * Finds the gradients of a scalar of which those of o, and perhaps of the final states, are given.
     *
     * @param operands what the recurrence worked on
     * @param sequences which tokens are whose
     * @param initialStates where it began: [N, HV, K, V] float32 for the call's N sequences, or
     *     {@link DeltaOperands#NOTHING} for zero
     * @param dO the gradient of o [tokens, HV, V]
     * @param dFinalStates that of the final states [N, HV, K, V], or {@link DeltaOperands#NOTHING} for zero
     * @param gradients receives those of the operands; its memory does not overlap with the inputs'
     * @return where the time went
     * @throws IllegalArgumentException if sizes do not fit
     * @throws dev.gust.formats.InputException if a gate is NaN, +∞, or −∞ where it is no logarithm
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(
            X operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            G gradients);

    @Override
    void close();
}
