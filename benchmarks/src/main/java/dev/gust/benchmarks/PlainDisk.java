package dev.gust.benchmarks;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Files read and written front to back with nothing else going on: the limit that a disk sets. Through the page cache it
 * is also the limit of how fast the system finds memory for pages, so that both ways are measured.
 */
final class PlainDisk {
    private static final int STEP = 8 << 20;

    private static final int ALIGNMENT = 4096;

    private final ByteBuffer noise = aligned();

    PlainDisk() {
        var random = new SplittableRandom(1);
        while (noise.hasRemaining()) {
            noise.putLong(random.nextLong());
        }
    }

    private static ByteBuffer aligned() {
        return ByteBuffer.allocateDirect(STEP + ALIGNMENT)
                .alignedSlice(ALIGNMENT)
                .slice(0, STEP);
    }

    /**
     * Seconds to read a file.
     *
     * @param options none, or to go past the page cache
     */
    static double read(Path file, OpenOption... options) throws IOException {
        ByteBuffer buffer = aligned();
        long start = System.nanoTime();
        try (FileChannel channel = FileChannel.open(file, with(options, StandardOpenOption.READ))) {
            long size = channel.size();
            for (long done = 0; done < size; ) {
                done += channel.read(buffer.clear());
            }
        }
        return (System.nanoTime() - start) / 1e9;
    }

    /** Seconds to write a new file of that size, rounded up to whole pages, and to force it. */
    double write(Path file, long size, OpenOption... options) throws IOException {
        long start = System.nanoTime();
        long pages = Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
        try (FileChannel channel =
                FileChannel.open(file, with(options, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE))) {
            for (long done = 0; done < pages; ) {
                done += channel.write(noise.slice(0, (int) Math.min(STEP, pages - done)));
            }
            channel.force(true);
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private static Set<OpenOption> with(OpenOption[] options, OpenOption... more) {
        var all = new HashSet<>(Arrays.asList(options));
        all.addAll(Arrays.asList(more));
        return all;
    }
}
