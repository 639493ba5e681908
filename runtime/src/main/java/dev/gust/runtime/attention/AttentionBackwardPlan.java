package dev.gust.runtime.attention;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * The gradients of linear attention made ready on a device. Nothing is carried from call to call. Safe to call from many
 * threads, one call after the other.
 */
public interface AttentionBackwardPlan extends AutoCloseable {
    /** Before a state's name where its gradient goes: {@code initial_state}, {@code initial_z}. */
    String INITIAL = "initial_";

    /**
     * Finds the gradients of a scalar of which those of o, and perhaps of the final states, are given.
     *
     * @param tensors the rule's, as {@link AttentionPlan#run} takes them
     * @param sequences which tokens are whose
     * @param initial where the call's N sequences began, by {@link AttentionPlan.StateTensor#name()}, each [N, …]; zero what
     *     is left out
     * @param dO the gradient of o [tokens, HV, V] float32
     * @param dFinal those of the final states, named as the initial ones; zero what is left out
     * @param gradients receives those that are wanted: by a tensor's name, as large as the tensor, or by
     *     {@link #INITIAL} and a state's name; its memory does not overlap with the inputs'
     * @return where the time went
     * @throws InputException if a tensor is missing or does not have its size, a gate is NaN or +∞, or a gradient is asked
     *     for that there is not; nothing has run then
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(
            Map<String, MemorySegment> tensors,
            Sequences sequences,
            Map<String, MemorySegment> initial,
            MemorySegment dO,
            Map<String, MemorySegment> dFinal,
            Map<String, MemorySegment> gradients);

    @Override
    void close();
}
