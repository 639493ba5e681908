package dev.gust.runtime.attention;

import dev.gust.runtime.attention.parallel.Gather;
import dev.gust.runtime.attention.parallel.Link;
import dev.gust.runtime.attention.parallel.ParallelPlan;
import dev.gust.runtime.attention.parallel.Partition;
import dev.gust.runtime.attention.parallel.SequenceParallel;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/** Runs a case on one device, and split over several, and compares o and everything that is carried. */
final class SplitConformance {
    /** Of the split's o and states to those of a single run, as error ratios. */
    static final double TOLERANCE = 1e-5;

    private SplitConformance() {}

    /** Values by name: o, and what is carried. */
    static Map<String, double[]> whole(Device device, AttentionCase call, Form form) {
        return whole(device, Optional.empty(), call, form);
    }

    /** The same by some kernels. */
    static Map<String, double[]> whole(Device device, Optional<KernelStyle> kernels, AttentionCase call, Form form) {
        LinearAttention attention = RuleConformance.operator(call).withForm(form);
        try (AttentionPlan plan = kernels.map(attention::withKernels)
                .orElse(attention)
                .prepare(device, sizes(call), RuleConformance.decay(call), call.toString())) {
            return results(plan, call, (tensors, sequences, o) -> plan.run(tensors, sequences, o));
        }
    }

    /** The same of a split. */
    static Map<String, double[]> split(
            List<Device> devices, AttentionCase call, Form form, Partition cuts, Function<Link, Gather> gather) {
        var parallel = new SequenceParallel(RuleConformance.operator(call).withForm(form), devices, gather);
        try (ParallelPlan plan = parallel.prepare(sizes(call), RuleConformance.decay(call), call.toString())) {
            return results(plan, call, (tensors, sequences, o) -> plan.run(tensors, sequences, cuts, o));
        }
    }

    static void check(
            List<Device> devices, AttentionCase call, Form form, Partition cuts, Function<Link, Gather> gather) {
        compare(whole(devices.getFirst(), call, form), split(devices, call, form, cuts, gather), call + " " + cuts);
    }

    static void compare(Map<String, double[]> expected, Map<String, double[]> actual, String what) {
        expected.forEach((name, values) -> ErrorRatio.assertClose(
                name + " of " + what, values, actual.getOrDefault(name, new double[0]), TOLERANCE));
    }

    /** A call of a plan. */
    interface Run {
        void run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o);
    }

    static AttentionSizes sizes(AttentionCase call) {
        CaseShape s = call.shape();
        return new AttentionSizes(s.b() * s.t(), s.sequences(), s.h(), s.hv(), s.k(), s.v());
    }

    private static Map<String, double[]> results(AttentionPlan plan, AttentionCase call, Run run) {
        CaseShape shape = call.shape();
        int n = shape.sequences();
        Map<String, double[]> results = new TreeMap<>();
        // Confined: plans have to cope with memory that other threads may not use.
        try (Arena arena = Arena.ofConfined()) {
            plan.load(RuleConformance.initial(arena, call, plan), n);
            MemorySegment o = arena.allocate((long) shape.b() * shape.t() * shape.hv() * shape.v() * Float.BYTES, 64);
            for (long i = 0; i < o.byteSize() / Float.BYTES; i++) {
                o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
            }
            run.run(tensors(arena, call), new Sequences(shape.bounds()), o);
            results.put("o", RuleConformance.doubles(o));
            Map<String, MemorySegment> states = new HashMap<>();
            for (AttentionPlan.StateTensor s : plan.stateTensors()) {
                states.put(s.name(), arena.allocate(n * s.elements() * Float.BYTES, 64));
            }
            plan.save(states, n);
            states.forEach((name, state) -> results.put(name, RuleConformance.doubles(state)));
        }
        return results;
    }

    static Map<String, MemorySegment> tensors(Arena arena, AttentionCase call) {
        Map<String, MemorySegment> tensors = new HashMap<>();
        for (String name : LinearAttention.of(call.rule()).tensors()) {
            float[] given = RuleConformance.given(call, name);
            if (given.length > 0) {
                tensors.put(name, arena.allocateFrom(ValueLayout.JAVA_FLOAT, given));
            }
        }
        return tensors;
    }
}
