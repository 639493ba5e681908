package dev.gust.runtime.attention.parallel;

import dev.gust.formats.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;

/**
 * Links between ranks that are threads of one process: messages are copied to memory of their own and fetched from there.
 *
 * <p>A rank that fails calls {@link #fail}, which ends the waiting of all others.
 */
public final class LocalLinks {
    private final int size;
    private final Map<Way, Queue<MemorySegment>> mail = new HashMap<>();
    private Optional<String> failure = Optional.empty();

    private record Way(int from, int to) {}

    /** @param size ranks */
    public LocalLinks(int size) {
        this.size = size;
    }

    /** A rank's. */
    public Link link(int rank) {
        return new Local(rank);
    }

    /** Ends all waiting, now and later. */
    public synchronized void fail(String reason) {
        if (failure.isEmpty()) {
            failure = Optional.of(reason);
        }
        notifyAll();
    }

    private synchronized void put(Way way, MemorySegment message) {
        requireWhole(way.to());
        mail.computeIfAbsent(way, _ -> new ArrayDeque<>()).add(message);
        notifyAll();
    }

    private synchronized MemorySegment take(Way way) {
        Queue<MemorySegment> queue = mail.computeIfAbsent(way, _ -> new ArrayDeque<>());
        try {
            while (queue.isEmpty()) {
                requireWhole(way.from());
                wait();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new DeviceException(name(way.to()), "was interrupted while it waited", "run the call again", e);
        }
        return queue.remove();
    }

    private void requireWhole(int rank) {
        if (rank < 0 || rank >= size) {
            throw new IllegalArgumentException("rank " + rank + " of " + size);
        }
        if (failure.isPresent()) {
            throw new DeviceException(name(rank), "is not reached: " + failure.get(), "see to that and run again");
        }
    }

    private static String name(int rank) {
        return "rank " + rank;
    }

    /** One rank's view. */
    private final class Local implements Link {
        private final int rank;

        Local(int rank) {
            this.rank = rank;
        }

        @Override
        public int rank() {
            return rank;
        }

        @Override
        public int size() {
            return size;
        }

        @Override
        public void send(int to, MemorySegment message) {
            MemorySegment copy = Arena.ofAuto().allocate(message.byteSize(), Float.BYTES);
            put(new Way(rank, to), copy.copyFrom(message));
        }

        @Override
        public void receive(int from, MemorySegment into) {
            MemorySegment message = take(new Way(from, rank));
            if (message.byteSize() != into.byteSize()) {
                throw new DeviceException(
                        name(from),
                        "sent " + message.byteSize() + " bytes where rank " + rank + " expects " + into.byteSize(),
                        "give all ranks the same rule, sizes and gather");
            }
            into.copyFrom(message);
        }
    }
}
