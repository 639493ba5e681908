package dev.gust.runtime.hybrid;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Map;

/** A hybrid made ready on one device. Safe to use from many threads, one call after the other. */
public final class HybridPlan implements AutoCloseable {
    private final HybridSetup setup;
    private final HybridParts parts;
    private final int room;
    private final long outputRow;
    private boolean closed;

    HybridPlan(HybridSetup setup, HybridParts parts, Shape output) {
        this.setup = setup;
        this.parts = parts;
        this.room = Math.toIntExact(output.dim(0) * output.dim(1));
        long row = 1;
        for (int d = 2; d < output.rank(); d++) {
            row *= output.dim(d);
        }
        this.outputRow = row;
    }

    /**
     * Goes through sequences from their beginnings.
     *
     * @param tensors the rule's that have tokens, by name: float32, little-endian, one token after the other
     * @param sequences which tokens are whose
     * @param o receives the rule's result, float32
     * @return where the time went; {@code total} holds what is done on the host, too
     * @throws InputException if a tensor is missing, does not have its size, or holds NaN or an infinity; nothing has run then
     * @throws IllegalArgumentException if o does not have its size
     * @throws DeviceException if the device fails
     * @throws IllegalStateException after {@link #close()}
     */
    public synchronized KernelTimes run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        if (closed) {
            throw new IllegalStateException("the plan of rule " + setup.rule().label() + " is closed");
        }
        check(tensors, sequences, o);
        long start = System.nanoTime();
        try (var call = new HybridCall(tensors, sequences, o)) {
            if (sequences.tokens() > 0) {
                parts.run(call);
            }
            return call.times(System.nanoTime() - start);
        }
    }

    private void check(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        int tokens = sequences.tokens();
        if (tokens > room || sequences.count() > setup.sequences()) {
            throw InputException.of(
                    setup.where(),
                    tokens + " tokens of " + sequences.count() + " sequences",
                    "the plan is for " + room + " of " + setup.sequences());
        }
        for (HybridTensor tensor : setup.rule().tensors()) {
            Shape shape = setup.shapes().get(tensor.name());
            if (shape == null || tensor.weight()) {
                continue;
            }
            long floats = tokens;
            for (int d = 2; d < shape.rank(); d++) {
                floats *= shape.dim(d);
            }
            MemorySegment values = tensors.get(tensor.name());
            if (values == null || values.byteSize() != floats * Float.BYTES) {
                throw InputException.ofTensor(
                        setup.where(),
                        tensor.name(),
                        values == null ? "is missing" : "has " + values.byteSize() + " bytes",
                        "give " + floats + " floats");
            }
            FiniteValues.require(setup.where(), tensor.name(), values);
        }
        if (o.byteSize() != tokens * outputRow * Float.BYTES) {
            throw new IllegalArgumentException("o has " + o.byteSize() + " bytes");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            parts.close();
        }
    }
}
