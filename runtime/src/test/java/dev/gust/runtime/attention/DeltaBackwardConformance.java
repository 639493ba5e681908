package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Runs a delta step's gradients on a device and compares them with those in float64. */
final class DeltaBackwardConformance {
    /** Largest RMSE / RMS in float32: far inside what the specification asks of 16-bit inputs. */
    static final double TOLERANCE = 1e-4;

    private DeltaBackwardConformance() {}

    static void check(Device device, DeltaValues x) {
        check(device, x, DecayGradient.STATES);
    }

    static void check(Device device, DeltaValues x, DecayGradient decays) {
        Map<String, float[]> found = gradients(device, x, decays);
        Map<String, double[]> expected = DeltaAdjoint.of(x);
        found.forEach((name, actual) -> ErrorRatio.assertClose(
                "d" + name + " by " + decays + " on " + device.id() + " of " + x.step() + " " + x.sizes() + " "
                        + x.sequences(),
                expected.getOrDefault(name, new double[0]),
                doubles(actual),
                TOLERANCE));
    }

    /** Two calls, the first with other numbers: nothing is left of it. */
    static Map<String, float[]> gradients(Device device, DeltaValues x) {
        return gradients(device, x, DecayGradient.STATES);
    }

    static Map<String, float[]> gradients(Device device, DeltaValues x, DecayGradient decays) {
        Map<String, float[]> found = new LinkedHashMap<>();
        try (Arena arena = Arena.ofShared();
                BackwardPlan<DeltaOperands, DeltaGradients> plan =
                        x.step().prepareBackward(device, x.sizes(), decays)) {
            Map<String, MemorySegment> to = new LinkedHashMap<>();
            for (String name : x.names()) {
                to.put(name, segment(arena, filled(x.input(name).length)));
            }
            var out = new DeltaGradients(
                    get(to, "q"),
                    get(to, "k"),
                    get(to, "e"),
                    get(to, "v"),
                    get(to, "beta"),
                    get(to, "g"),
                    get(to, "initial"));
            MemorySegment doubled = segment(arena, floats(Dense.times(2, x.dO())));
            plan.run(operands(arena, x), x.sequences(), DeltaOperands.NOTHING, doubled, DeltaOperands.NOTHING, out);
            plan.run(
                    operands(arena, x),
                    x.sequences(),
                    segment(arena, floats(x.input("initial"))),
                    segment(arena, floats(x.dO())),
                    segment(arena, floats(x.dFinal())),
                    out);
            to.forEach((name, values) -> found.put(name, values.toArray(ValueLayout.JAVA_FLOAT)));
        }
        return found;
    }

    static DeltaOperands operands(Arena arena, DeltaValues x) {
        MemorySegment e = x.step().ownKey() ? segment(arena, floats(x.input("e"))) : MemorySegment.NULL;
        return new DeltaOperands(
                segment(arena, floats(x.input("q"))),
                segment(arena, floats(x.input("k"))),
                e,
                segment(arena, floats(x.input("v"))),
                segment(arena, floats(x.input("beta"))),
                segment(arena, floats(x.input("g"))));
    }

    private static MemorySegment get(Map<String, MemorySegment> segments, String name) {
        return segments.getOrDefault(name, DeltaOperands.NOTHING);
    }

    private static float[] filled(int length) {
        float[] x = new float[length];
        Arrays.fill(x, Float.NaN);
        return x;
    }

    static float[] floats(double[] x) {
        float[] y = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = (float) x[i];
        }
        return y;
    }

    static double[] doubles(float[] x) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i];
        }
        return y;
    }

    static MemorySegment segment(Arena arena, float[] x) {
        return x.length == 0 ? DeltaOperands.NOTHING : arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }
}
