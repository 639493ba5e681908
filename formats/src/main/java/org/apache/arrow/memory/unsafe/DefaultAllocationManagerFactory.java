package org.apache.arrow.memory.unsafe;

import dev.gust.formats.arrow.HeaderedMemory;
import org.apache.arrow.memory.AllocationManager;

/**
 * Makes Gust's memory Arrow's default. Arrow refuses to start without a class of this name on the class path, even
 * where every allocator is given its own factory; it finds the class by its resource path and reads {@link #FACTORY} by
 * reflection. Arrow's own artifact of that name would shadow this one, so the build bans it.
 */
public final class DefaultAllocationManagerFactory {
    public static final AllocationManager.Factory FACTORY = new HeaderedMemory();

    private DefaultAllocationManagerFactory() {}
}
