package dev.gust.runtime.hybrid;

import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;

/** One call of a rule with seeded tensors. */
record HybridCase(
        HybridAttention attention, Map<String, Shape> shapes, Map<String, MemorySegment> tensors, Sequences sequences) {
    /** q [T,H,D], k [T,HKV,D], v [T,HKV,V]. */
    static HybridCase grouped(
            HybridAttention attention, int heads, int keyHeads, int width, int values, int... offsets) {
        var empty = new HybridCase(attention, Map.of(), Map.of(), new Sequences(offsets));
        long tokens = empty.sequences().tokens();
        return empty.with("q", 1, 1, tokens, heads, width)
                .with("k", 1, 1, tokens, keyHeads, width)
                .with("v", 1, 1, tokens, keyHeads, values);
    }

    HybridCase with(String name, double size, long... dims) {
        Shape shape = Shape.of(dims);
        return with(name, Values.gaussian(shape.elements(), name.hashCode() + shapes.size(), size), dims);
    }

    HybridCase with(String name, MemorySegment values, long... dims) {
        var moreShapes = new LinkedHashMap<>(shapes);
        moreShapes.put(name, Shape.of(dims));
        var more = new LinkedHashMap<>(tensors);
        more.put(name, values);
        return new HybridCase(attention, moreShapes, more, sequences);
    }

    /** Log decays: between −0.7 and 0. */
    HybridCase withGates(String name, long... dims) {
        HybridCase sample = with(name, 1, dims);
        return sample.map(name, x -> (float) (-0.1 * Math.min(7, x * x)));
    }

    /** Between 0 and 1. */
    HybridCase withShares(String name, long... dims) {
        HybridCase sample = with(name, 1, dims);
        return sample.map(name, x -> (float) (1 / (1 + Math.exp(-x))));
    }

    private interface Change {
        float of(float x);
    }

    private HybridCase map(String name, Change change) {
        MemorySegment x = tensor(name);
        for (long i = 0; i < x.byteSize() / Float.BYTES; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, change.of(x.getAtIndex(ValueLayout.JAVA_FLOAT, i)));
        }
        return this;
    }

    MemorySegment tensor(String name) {
        return tensors.getOrDefault(name, MemorySegment.NULL);
    }

    int dim(String name, int d) {
        return shapes.containsKey(name) ? (int) shapes.get(name).dim(d) : 0;
    }

    HybridPlan prepare(Device device) {
        var weights = new LinkedHashMap<>(tensors);
        weights.keySet().retainAll(attention.rule().weightNames());
        return attention.prepare(device, shapes, weights, sequences.count(), 2, "a test");
    }

    MemorySegment run(HybridPlan plan) {
        MemorySegment o = Values.filled(attention.output(shapes).elements(), Float.NaN);
        plan.run(tensors, sequences, o);
        return o;
    }

    /** The largest relative error of two runs of one plan, which must not know of each other. */
    double error(Device device) {
        double[] expected = HybridReference.of(this);
        try (HybridPlan plan = prepare(device)) {
            return Math.max(Values.error(expected, run(plan)), Values.error(expected, run(plan)));
        }
    }
}
