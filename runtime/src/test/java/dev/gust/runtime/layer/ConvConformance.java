package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/** Compares a device's convolution with one in float64: prompts first, then tokens one by one in the same plan. */
final class ConvConformance {
    private ConvConformance() {}

    /**
     * One thing to compute.
     *
     * @param prompts the first call's tokens; every further call brings each sequence one token, or none to each second
     */
    record Case(int channels, int width, boolean bias, boolean silu, Sequences prompts) {}

    static List<Case> cases() {
        return List.of(
                new Case(5, 4, true, true, new Sequences(0, 1, 1, 9, 11)),
                new Case(67, 4, false, true, new Sequences(0, 30)),
                new Case(1100, 4, true, false, new Sequences(0, 5, 8)),
                new Case(33, 2, true, true, new Sequences(0, 0, 7)),
                new Case(16, 1, false, false, new Sequences(0, 3, 6)),
                new Case(9, 7, true, true, new Sequences(0, 2, 20)));
    }

    static void check(Device device, Case c) {
        var samples = new Samples(5);
        int n = c.prompts().count();
        int channels = c.channels();
        int kept = c.width() - 1;
        float[] w = samples.gaussian((long) channels * c.width(), 0.5);
        float[] bias = samples.gaussian(c.bias() ? channels : 0, 0.5);
        float[] initial = samples.gaussian((long) n * channels * kept, 1);
        double[] states = Samples.doubles(initial);
        try (Arena arena = Arena.ofShared();
                ConvPlan plan = new CausalConv(channels, c.width(), segment(arena, w), segment(arena, bias), c.silu())
                        .prepare(device, c.prompts().tokens(), n)) {
            plan.load(segment(arena, initial), n);
            for (int call = 0; call < 5; call++) {
                Sequences sequences = call == 0 ? c.prompts() : few(n, call);
                if (call == 3) {
                    plan.clear(n - 1);
                    Arrays.fill(states, (n - 1) * channels * kept, n * channels * kept, 0);
                }
                float[] x = samples.gaussian((long) sequences.tokens() * channels, 2);
                MemorySegment y = room(arena, x.length);
                plan.run(segment(arena, x), sequences, y);
                String what = device.id() + " call " + call + " of " + c;
                assertClose("y of " + what, reference(c, sequences, x, w, bias, states), y, CausalConv.TOLERANCE);
                MemorySegment saved = room(arena, states.length);
                plan.save(saved, n);
                assertExact("states of " + what, states, saved);
            }
        }
    }

    /** A token to every sequence, or in even calls to every second. */
    private static Sequences few(int n, int call) {
        int[] offsets = new int[n + 1];
        for (int i = 0; i < n; i++) {
            offsets[i + 1] = offsets[i] + (call % 2 == 1 || i % 2 == 0 ? 1 : 0);
        }
        return new Sequences(offsets);
    }

    /** The convolution as its equation says it; {@code states} [n, D, W − 1] move on. */
    static double[] reference(Case c, Sequences sequences, float[] x, float[] w, float[] bias, double[] states) {
        int channels = c.channels();
        int kept = c.width() - 1;
        double[] y = new double[x.length];
        for (int n = 0; n < sequences.count(); n++) {
            int first = sequences.first(n);
            int tokens = sequences.end(n) - first;
            for (int d = 0; d < channels; d++) {
                double[] row = new double[kept + tokens];
                System.arraycopy(states, (n * channels + d) * kept, row, 0, kept);
                for (int t = 0; t < tokens; t++) {
                    row[kept + t] = x[(first + t) * channels + d];
                    double sum = c.bias() ? bias[d] : 0;
                    for (int j = 0; j <= kept; j++) {
                        sum += w[d * c.width() + j] * row[t + j];
                    }
                    y[(first + t) * channels + d] = c.silu() ? sum * Samples.sigmoid(sum) : sum;
                }
                System.arraycopy(row, tokens, states, (n * channels + d) * kept, kept);
            }
        }
        return y;
    }

    private static void assertExact(String what, double[] expected, MemorySegment got) {
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) got.getAtIndex(ValueLayout.JAVA_FLOAT, i))
                    .as("%s [%d]", what, i)
                    .isEqualTo(expected[i]);
        }
    }
}
