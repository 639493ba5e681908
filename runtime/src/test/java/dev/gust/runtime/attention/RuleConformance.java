package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Runs a case on a device through the operator, and holds o and everything that is carried to the float64 oracle. */
final class RuleConformance {
    private RuleConformance() {}

    /** {@link #check} token by token and in chunks. */
    static void checkForms(Device device, AttentionCase call, OracleResult expected) {
        check(device, call, expected, Form.RECURRENT);
        check(device, call, expected, chunked(call));
    }

    static void check(Device device, AttentionCase call, OracleResult expected, Form form) {
        check(device, call, expected, form, Optional.empty());
    }

    static void check(
            Device device, AttentionCase call, OracleResult expected, Form form, Optional<KernelStyle> kernels) {
        String what = device.id() + " " + form + " " + kernels + " " + call;
        double ratio =
                Tolerance.forward(call.rule(), form instanceof Form.Chunked).ratio();
        CaseShape shape = call.shape();
        LinearAttention attention = operator(call).withForm(form);
        if (kernels.isPresent()) {
            attention = attention.withKernels(kernels.get());
        }
        int n = shape.sequences();
        var sizes = new AttentionSizes(shape.b() * shape.t(), n, shape.h(), shape.hv(), shape.k(), shape.v());
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = attention.prepare(device, sizes, decay(call), what)) {
            Map<String, MemorySegment> tensors = new HashMap<>();
            for (String name : attention.tensors()) {
                if (given(call, name).length > 0) {
                    tensors.put(name, segment(arena, given(call, name)));
                }
            }
            MemorySegment o =
                    arena.allocate(Math.max(1, expected.o().length) * 4L, 64).asSlice(0, expected.o().length * 4L);
            for (int i = 0; i < expected.o().length; i++) {
                o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
            }
            plan.load(initial(arena, call, plan), n);
            plan.run(tensors, new Sequences(shape.bounds()), o);
            ErrorRatio.assertClose("o of " + what, expected.o(), doubles(o), ratio);
            Map<String, MemorySegment> states = new HashMap<>();
            for (AttentionPlan.StateTensor s : plan.stateTensors()) {
                states.put(
                        s.name(),
                        arena.allocate(Math.max(1, n * s.elements()) * 4, 64).asSlice(0, n * s.elements() * 4));
            }
            plan.save(states, n);
            states.forEach((name, got) -> {
                double[] wanted = name.equals("state") ? expected.finalState() : expected.extra(name);
                ErrorRatio.assertClose("final " + name + " of " + what, wanted, doubles(got), ratio);
            });
        }
    }

    /** A tensor of the case, empty if it has none; RWKV-7's removal key and rate are a = −κ and b = κ ∘ rate to the operator. */
    static float[] given(AttentionCase call, String name) {
        if (!call.rule().equals("rwkv7") || !(name.equals("a") || name.equals("b"))) {
            return call.tensors().getOrDefault(name, new float[0]);
        }
        float[] removal = call.tensor("kk");
        float[] rate = call.tensor("rate");
        float[] x = new float[removal.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = name.equals("a") ? -removal[i] : removal[i] * rate[i];
        }
        return x;
    }

    /** The operator as the case describes it. */
    static LinearAttention operator(AttentionCase call) {
        LinearAttention attention = LinearAttention.of(call.rule())
                .withScale(call.scale())
                .withQkL2norm(call.qkL2norm())
                .withHeadMap(call.map() == AttentionCase.Heads.TILED ? HeadMap.TILED : HeadMap.INTERLEAVED);
        for (Map.Entry<String, String> attribute : call.attributes().entrySet()) {
            if (!attribute.getKey().equals("chunk")) {
                attention = attention.withAttribute(attribute.getKey(), attribute.getValue());
            }
        }
        return attention;
    }

    /** Chunks as long as the case says, 64 if it says nothing. */
    static Form chunked(AttentionCase call) {
        return new Form.Chunked(Integer.parseInt(call.attribute("chunk", "64")));
    }

    /** What g is, where a rule leaves that open. */
    static Decay decay(AttentionCase call) {
        float[] g = call.tensors().get("g");
        if (g == null) {
            return Decay.NONE;
        }
        CaseShape s = call.shape();
        return g.length == s.b() * s.t() * s.hv() ? Decay.TOKEN : Decay.CHANNEL;
    }

    static Map<String, MemorySegment> initial(Arena arena, AttentionCase call, AttentionPlan plan) {
        Map<String, MemorySegment> initial = new HashMap<>();
        for (AttentionPlan.StateTensor s : plan.stateTensors()) {
            float[] given = call.tensors().get("initial_" + s.name());
            if (given != null) {
                initial.put(s.name(), segment(arena, given));
            }
        }
        return initial;
    }

    static double[] doubles(MemorySegment x) {
        double[] values = new double[(int) (x.byteSize() / 4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        }
        return values;
    }

    private static MemorySegment segment(Arena arena, float[] x) {
        return x.length == 0 ? MemorySegment.NULL : arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }
}
