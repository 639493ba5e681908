package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/** One call of a rule: its tensors, memory for what lies between its parts, and where their time went. */
final class HybridCall implements AutoCloseable {
    private final Map<String, MemorySegment> tensors;
    private final Sequences sequences;
    private final MemorySegment o;
    private final Arena memory = Arena.ofShared();
    private long kernel;
    private long transfer;
    private long compile;

    HybridCall(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        this.tensors = tensors;
        this.sequences = sequences;
        this.o = o;
    }

    /** A tensor that was checked to be there. */
    MemorySegment tensor(String name) {
        return tensors.getOrDefault(name, MemorySegment.NULL);
    }

    Sequences sequences() {
        return sequences;
    }

    MemorySegment o() {
        return o;
    }

    /** Zeros, until the call ends. */
    MemorySegment floats(long count) {
        return memory.allocate(Math.max(1, count) * Float.BYTES, 64).asSlice(0, count * Float.BYTES);
    }

    void add(KernelTimes times) {
        kernel += times.kernel();
        transfer += times.transfer();
        compile += times.compile();
    }

    KernelTimes times(long total) {
        return new KernelTimes(kernel, transfer, compile, total);
    }

    @Override
    public void close() {
        memory.close();
    }
}
