package dev.gust.runtime.attention.parallel;

import dev.gust.formats.DeviceException;
import java.lang.foreign.MemorySegment;

/**
 * How one rank reaches the others, within the process ({@link LocalLinks}) or beyond it. Messages from one rank to another
 * arrive in the order in which they were sent. Used by one thread.
 */
public interface Link {
    /** This rank, from 0. */
    int rank();

    /** How many ranks there are. */
    int size();

    /**
     * Sends a message without waiting for its receiver; the memory may be used again after the return.
     *
     * @throws DeviceException if it cannot be sent
     */
    void send(int to, MemorySegment message);

    /**
     * Waits for the next message of a rank.
     *
     * @param into receives it; as long as the message
     * @throws DeviceException if the other rank has failed or is out of reach
     */
    void receive(int from, MemorySegment into);
}
