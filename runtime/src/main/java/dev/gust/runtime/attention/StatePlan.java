package dev.gust.runtime.attention;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * A recurrence made ready on a device, with the states of its sequences: they stay on the device from call to call, and
 * are zero at first. Safe to call from many threads, one call after the other.
 *
 * @param <X> what a call works on
 */
public interface StatePlan<X> extends AutoCloseable {
    /**
     * Goes through the tokens of some sequences, from where their states are.
     *
     * @param operands float32
     * @param sequences which tokens are whose; sequence i works on state i
     * @param o receives [tokens, HV, V]
     * @return where the time went
     * @throws IllegalArgumentException if sizes do not fit
     * @throws dev.gust.formats.InputException if a gate is NaN, +∞, or −∞ where it is no logarithm
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes run(X operands, Sequences sequences, MemorySegment o);

    /** Sets the state of one sequence to zero. */
    void clearState(int sequence);

    /**
     * Sets the states of sequences 0 to n − 1.
     *
     * @param states [n, HV, K, V] float32
     */
    void loadStates(MemorySegment states);

    /**
     * Reads the states of sequences 0 to n − 1.
     *
     * @param states receives [n, HV, K, V] float32
     */
    void saveStates(MemorySegment states);

    @Override
    void close();
}
