package dev.gust.benchmarks;

import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.LongAdder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/** How fast the jvm device's threads read memory, adding up what is there and doing nothing else with it. */
final class HostRead {
    private static final int PIECE = 1 << 17;

    private HostRead() {}

    /** Reads all of it but for what does not fill a piece. */
    static long sum(JvmDevice device, MemorySegment bytes, int threads) {
        var sum = new LongAdder();
        device.forRows(bytes.byteSize() / PIECE, 1, threads, (first, end) -> {
            var species = LongVector.SPECIES_PREFERRED;
            int width = species.vectorByteSize();
            LongVector a = LongVector.zero(species);
            LongVector b = a;
            LongVector c = a;
            LongVector d = a;
            for (long at = first * PIECE; at < end * PIECE; at += 4L * width) {
                a = a.add(longs(bytes, at));
                b = b.add(longs(bytes, at + width));
                c = c.add(longs(bytes, at + 2L * width));
                d = d.add(longs(bytes, at + 3L * width));
            }
            sum.add(a.add(b).add(c.add(d)).reduceLanes(VectorOperators.ADD));
        });
        return sum.sum();
    }

    private static LongVector longs(MemorySegment bytes, long at) {
        return ByteVector.fromMemorySegment(ByteVector.SPECIES_PREFERRED, bytes, at, ByteOrder.LITTLE_ENDIAN)
                .reinterpretAsLongs();
    }

    /** Reads all of it once; bytes per nanosecond. */
    static double gigabytesPerSecond(JvmDevice device, MemorySegment bytes) {
        long start = System.nanoTime();
        long sum = sum(device, bytes, device.threads(0));
        double rate = (double) bytes.byteSize() / (System.nanoTime() - start);
        if (sum == 1) {
            throw new IllegalStateException("the sum is used, so that it is made");
        }
        return rate;
    }
}
