package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * A layer's decode step made ready on a device, with the states of its sequences: they stay there from step to step, in
 * float32, and are zero at first. Safe to call from many threads, one step after the other.
 */
public interface LayerPlan extends AutoCloseable {
    /**
     * Takes some sequences one token further.
     *
     * @param sequences whose each row is; none twice
     * @param o receives [rows, HV, V] float32
     * @return where the time went
     * @throws InputException if sizes do not fit, a sequence is named twice or not there, or a or b holds a NaN; nothing has
     *     run then
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes step(LayerInputs inputs, int[] sequences, MemorySegment o);

    /** As {@link #step(LayerInputs, int[], MemorySegment)}, with row i for sequence i. */
    KernelTimes step(LayerInputs inputs, MemorySegment o);

    /** Starts a sequence anew. */
    void clear(int sequence);

    /**
     * Sets the states of sequences 0 to n − 1, as prompts have left them.
     *
     * @param state [n, HV, K, V] float32
     * @param conv [n, C, W − 1] float32, the oldest input first
     * @throws InputException if sizes do not fit
     */
    void load(MemorySegment state, MemorySegment conv, int n);

    /**
     * Reads the states of sequences 0 to n − 1.
     *
     * @param state receives [n, HV, K, V] float32
     * @param conv receives [n, C, W − 1] float32, the oldest input first
     * @throws InputException if sizes do not fit
     */
    void save(MemorySegment state, MemorySegment conv, int n);

    @Override
    void close();
}
