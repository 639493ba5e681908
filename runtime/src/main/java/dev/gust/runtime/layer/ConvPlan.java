package dev.gust.runtime.layer;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * A causal convolution made ready on a device, with the states of its sequences: they stay there from call to call, and are
 * zero at first. Prompts and decoding are the same call with more or fewer tokens. Safe to call from many threads, one call
 * after the other.
 */
public interface ConvPlan extends AutoCloseable {
    /**
     * Goes through the tokens of some sequences, from where their states are.
     *
     * @param x [tokens, D] float32
     * @param sequences which tokens are whose; sequence i works on state i
     * @param y receives [tokens, D] float32
     * @return where the time went
     * @throws InputException if x does not have its size, or there are more tokens or sequences than the plan takes
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(MemorySegment x, Sequences sequences, MemorySegment y);

    /** Starts a sequence anew. */
    void clear(int sequence);

    /**
     * Sets the states of sequences 0 to n − 1.
     *
     * @param states [n, D, W − 1] float32, the oldest input first
     * @throws InputException if it does not have its size
     */
    void load(MemorySegment states, int n);

    /**
     * Reads the states of sequences 0 to n − 1.
     *
     * @param states receives [n, D, W − 1] float32, the oldest input first
     * @throws InputException if it does not have its size
     */
    void save(MemorySegment states, int n);

    @Override
    void close();
}
