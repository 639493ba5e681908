package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Compares a device's norms with those in float64. */
final class NormConformance {
    private NormConformance() {}

    /** One thing to compute: {@code most} rows at first, then one. */
    record Case(Norm.Kind kind, int length, boolean weight, NormGate gate, int most, boolean bias, boolean residual) {
        Case(Norm.Kind kind, int length, boolean weight, NormGate gate, int most) {
            this(kind, length, weight, gate, most, false, false);
        }
    }

    static List<Case> cases() {
        var cases = new ArrayList<Case>();
        for (int length : new int[] {1, 7, 16, 60, 128, 513, 1030}) {
            cases.add(new Case(Norm.Kind.L2, length, false, NormGate.NONE, 5));
            cases.add(new Case(Norm.Kind.RMS, length, true, NormGate.NONE, 3));
            cases.add(new Case(Norm.Kind.RMS, length, true, NormGate.SILU, 9));
            cases.add(new Case(Norm.Kind.RMS, length, false, NormGate.SIGMOID, 4));
            cases.add(new Case(Norm.Kind.LAYER, length, true, NormGate.NONE, 5, true, true));
            cases.add(new Case(Norm.Kind.LAYER, length, false, NormGate.NONE, 6, true, false));
            cases.add(new Case(Norm.Kind.LAYER, length, false, NormGate.NONE, 2, false, true));
        }
        return cases;
    }

    static void check(Device device, Case c, Optional<KernelStyle> style) {
        var samples = new Samples(3);
        boolean gated = c.gate() != NormGate.NONE;
        float[] b = samples.gaussian(c.bias() ? c.length() : 0, 1);
        float[] w = samples.gaussian(c.weight() ? c.length() : 0, 1);
        double epsilon = 1e-6;
        try (Arena arena = Arena.ofShared();
                NormPlan plan = new Norm(
                                c.kind(),
                                c.length(),
                                segment(arena, w),
                                c.gate(),
                                epsilon,
                                segment(arena, b),
                                c.residual())
                        .prepare(device, c.most(), style)) {
            for (int rows : new int[] {c.most(), 1}) {
                float[] x = samples.gaussian((long) rows * c.length(), rows == 1 ? 1e-4 : 3);
                float[] second = samples.gaussian(gated || c.residual() ? x.length : 0, gated ? 30 : 1e-2);
                double[] expected = new double[x.length];
                for (int r = 0; r < rows; r++) {
                    double[] row = new double[c.length()];
                    for (int d = 0; d < c.length(); d++) {
                        int i = r * c.length() + d;
                        row[d] = (double) x[i] + (c.residual() ? second[i] : 0);
                    }
                    double mean = c.kind() == Norm.Kind.LAYER
                            ? Arrays.stream(row).average().orElseThrow()
                            : 0;
                    double squares =
                            Arrays.stream(row).map(v -> (v - mean) * (v - mean)).sum();
                    double root = Math.sqrt((c.kind() == Norm.Kind.L2 ? squares : squares / c.length()) + epsilon);
                    for (int d = 0; d < c.length(); d++) {
                        int i = r * c.length() + d;
                        expected[i] = (row[d] - mean) / root * (c.weight() ? w[d] : 1) + (c.bias() ? b[d] : 0);
                        if (gated) {
                            expected[i] *= Samples.sigmoid(second[i]) * (c.gate() == NormGate.SILU ? second[i] : 1);
                        }
                    }
                }
                MemorySegment y = room(arena, x.length);
                plan.run(segment(arena, x), segment(arena, second), rows, y);
                assertClose(device.id() + " " + rows + " rows of " + c, expected, y, Norm.TOLERANCE);
            }
        }
    }
}
