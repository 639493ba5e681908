package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** Runs a case of a linear RNN on a device through the operator, and holds y and what is carried to the float64 oracle. */
final class DiagonalConformance {
    private DiagonalConformance() {}

    static void check(Device device, AttentionCase call, Form form) {
        check(device, call, DiagonalRnn.of(call.rule()).withForm(form));
    }

    /** Twice from the same state, and once a sequence is cleared. */
    static void check(Device device, AttentionCase call, DiagonalRnn operator) {
        Form form = operator.form().orElseThrow();
        OracleResult expected = Oracle.run(call);
        String what = device.id() + " " + operator + " " + call;
        double ratio =
                Tolerance.forward(call.rule(), form instanceof Form.Chunked).ratio();
        CaseShape s = call.shape();
        int channels = call.rule().equals("hgrn") ? s.v() : s.hv();
        int n = s.sequences();
        try (Arena arena = Arena.ofShared();
                AttentionPlan plan = operator.prepare(device, s.b() * s.t(), n, channels, s.k())) {
            Map<String, MemorySegment> tensors = new HashMap<>();
            for (String name : operator.tensors()) {
                tensors.put(name, arena.allocateFrom(ValueLayout.JAVA_FLOAT, call.tensor(name)));
            }
            Map<String, MemorySegment> states = new HashMap<>();
            for (AttentionPlan.StateTensor state : plan.stateTensors()) {
                MemorySegment x = arena.allocate(n * state.elements() * 4, 64);
                float[] given = call.tensors().getOrDefault("initial_" + state.name(), new float[0]);
                MemorySegment.copy(given, 0, x, ValueLayout.JAVA_FLOAT, 0, given.length);
                states.put(state.name(), x);
            }
            MemorySegment y = arena.allocate(expected.o().length * 4L, 64);
            // Twice: the second call begins anew with weights that the plan has seen.
            for (int i = 0; i < 2; i++) {
                y.fill((byte) -1);
                plan.load(states, n);
                plan.run(tensors, new Sequences(s.bounds()), y);
                ErrorRatio.assertClose("y of " + what, expected.o(), doubles(y), ratio);
            }
            plan.save(states, n);
            states.forEach((name, got) -> {
                double[] wanted = name.equals("state") ? expected.finalState() : expected.extra(name);
                ErrorRatio.assertClose("final " + name + " of " + what, wanted, doubles(got), ratio);
            });
            plan.clear(n - 1);
            plan.save(states, n);
            states.forEach((name, got) -> {
                double[] left = doubles(got);
                int last = left.length / n;
                double[] zeros = Arrays.copyOfRange(left, left.length - last, left.length);
                ErrorRatio.assertClose("cleared " + name + " of " + what, new double[last], zeros, 0);
            });
        }
    }

    private static double[] doubles(MemorySegment x) {
        double[] values = new double[(int) (x.byteSize() / 4)];
        for (int i = 0; i < values.length; i++) {
            values[i] = x.getAtIndex(ValueLayout.JAVA_FLOAT, i);
        }
        return values;
    }
}
