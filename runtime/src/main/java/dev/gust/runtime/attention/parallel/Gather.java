package dev.gust.runtime.attention.parallel;

import dev.gust.formats.DeviceException;
import java.lang.foreign.MemorySegment;

/**
 * How a rank comes by the state before its part. Every rank of a call exchanges once; a rank knows its own contribution and what
 * its {@link Link} brings, nothing else.
 */
public interface Gather {
    /**
     * Gives this rank's contribution to those behind it and takes theirs that are ahead.
     *
     * @param own this rank's
     * @param before receives the state before the part, {@link StateChain#stateBytes()}; an empty one on rank 0
     * @throws DeviceException if another rank fails or is out of reach
     */
    void exchange(Contribution own, MemorySegment before);
}
