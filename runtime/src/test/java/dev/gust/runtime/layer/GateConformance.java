package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** Compares a device's gates with those in float64, near zero and far from it. */
final class GateConformance {
    private GateConformance() {}

    /** One thing to compute; {@code rates} elements of A_log. */
    record Case(Gate.Kind kind, int heads, int channels, int rates, boolean bias, double setting) {}

    static List<Case> cases() {
        return List.of(
                new Case(Gate.Kind.DECAY, 3, 1, 3, true, 1),
                new Case(Gate.Kind.DECAY, 16, 1, 16, false, 1),
                new Case(Gate.Kind.DECAY, 2, 20, 2, true, 1),
                new Case(Gate.Kind.DECAY, 2, 17, 34, true, 1),
                new Case(Gate.Kind.BOUNDED_DECAY, 5, 1, 5, true, -5),
                new Case(Gate.Kind.BOUNDED_DECAY, 2, 33, 2, true, -0.6065),
                new Case(Gate.Kind.BETA, 7, 1, 0, false, 1),
                new Case(Gate.Kind.BETA, 32, 1, 0, false, 2),
                new Case(Gate.Kind.LOG_SIGMOID, 3, 1, 0, false, 1),
                new Case(Gate.Kind.LOG_SIGMOID, 2, 11, 0, false, 16));
    }

    static void check(Device device, Case c) {
        var samples = new Samples(1);
        int lines = c.heads() * c.channels();
        float[] aLog = samples.uniform(c.rates(), -3, 2.8);
        float[] bias = samples.gaussian(c.bias() ? lines : 0, 2);
        try (Arena arena = Arena.ofShared();
                GatePlan plan = new Gate(
                                c.kind(),
                                c.heads(),
                                c.channels(),
                                segment(arena, aLog),
                                segment(arena, bias),
                                c.setting())
                        .prepare(device, 9)) {
            for (int tokens : new int[] {9, 1}) {
                // Far out every element counts for itself: products of small numbers drown in sums of squares.
                float[] x = samples.gaussian((long) tokens * lines, tokens == 1 ? 40 : 3);
                MemorySegment y = room(arena, x.length);
                plan.run(segment(arena, x), tokens, y);
                double[] expected = new double[x.length];
                for (int i = 0; i < x.length; i++) {
                    int line = i % lines;
                    double rate = c.rates() == 0 ? 1 : Math.exp(aLog[c.rates() == lines ? line : line / c.channels()]);
                    // The sum is float32's on every device.
                    double z = x[i] + (c.bias() ? bias[line] : 0f);
                    expected[i] = switch (c.kind()) {
                        case DECAY -> -rate * Samples.softplus(z);
                        case BOUNDED_DECAY -> c.setting() * Samples.sigmoid(rate * z);
                        case BETA -> c.setting() * Samples.sigmoid(z);
                        case LOG_SIGMOID -> -Samples.softplus(-z) / c.setting();
                    };
                    double got = y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                    // A relative error of exp(−|z|) is as large as its argument's rounding: |z| · 2⁻²⁴.
                    double allowed = Math.abs(expected[i]) * (2e-6 + 1e-6 * Math.abs(rate * z)) + 1e-37;
                    assertThat(Math.abs(got - expected[i]))
                            .as("%s %s of %s at %s: %s for %s", device.id(), i, c, z, got, expected[i])
                            .isLessThanOrEqualTo(allowed);
                }
                assertClose(device.id() + " " + c, expected, y, Gate.TOLERANCE);
            }
        }
    }
}
