package dev.gust.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The most anonymous memory, heap and native together, that this process had while this was open, on Linux. */
final class MemoryPeak implements AutoCloseable {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final long INTERVAL_MILLIS = 20;

    private final Thread watcher;
    private volatile boolean closed;
    private volatile double bytes;

    MemoryPeak() {
        watcher = Thread.ofPlatform().daemon().name("memory-peak").start(() -> {
            while (!closed) {
                bytes = Math.max(bytes, anonymous());
                try {
                    Thread.sleep(INTERVAL_MILLIS);
                } catch (InterruptedException e) {
                    return;
                }
            }
        });
    }

    /** Bytes; 0 where the system does not tell. */
    double bytes() {
        return bytes;
    }

    private static double anonymous() {
        try (var lines = Files.lines(STATUS)) {
            return lines.filter(l -> l.startsWith("RssAnon:"))
                    .mapToDouble(l -> Double.parseDouble(l.replaceAll("\\D+", "")) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            return 0;
        }
    }

    @Override
    public void close() {
        closed = true;
        watcher.interrupt();
    }
}
