package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Compares a device's HGRN with the recurrence in float64: two calls, the second going on from the states of the first. */
final class HgrnConformance {
    /** Largest RMSE / RMS of outputs and states. */
    private static final double TOLERANCE = 2e-6;

    private HgrnConformance() {}

    /**
     * Channels that are no whole vectors, an empty sequence, chunks that are not full.
     *
     * @param gates the least of the random log decays
     */
    static void check(Device device, Form form, double gates) {
        check(device, form, gates, Optional.empty());
    }

    static void check(Device device, Form form, double gates, Optional<KernelStyle> style) {
        int channels = 37;
        var sequences = new Sequences(0, 33, 33, 34, 80);
        int n = sequences.count();
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(7);
        try (Arena arena = Arena.ofShared();
                StatePlan<HgrnOperands> plan = Hgrn.prepare(device, 90, n + 1, channels, form, style)) {
            long count = (long) sequences.tokens() * channels;
            MemorySegment x = arena.allocate(count * 4, 64);
            MemorySegment g = arena.allocate(count * 4, 64);
            MemorySegment o = arena.allocate(count * 4, 64);
            MemorySegment states = arena.allocate((long) n * channels * 4, 64);
            for (long i = 0; i < count; i++) {
                x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
                g.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (gates * random.nextDouble()));
            }
            double[] h = new double[n * channels];
            for (int i = 0; i < h.length; i++) {
                float value = (float) random.nextGaussian();
                states.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
                h[i] = value;
            }
            plan.loadStates(states);
            for (int call = 0; call < 2; call++) {
                o.fill((byte) -1);
                plan.run(new HgrnOperands(x, g), sequences, o);
                double[] expected = new double[(int) count];
                for (int i = 0; i < h.length; i++) {
                    for (int t = sequences.first(i / channels); t < sequences.end(i / channels); t++) {
                        int at = t * channels + i % channels;
                        h[i] = Math.exp(g.getAtIndex(ValueLayout.JAVA_FLOAT, at)) * h[i]
                                + x.getAtIndex(ValueLayout.JAVA_FLOAT, at);
                        expected[at] = h[i];
                    }
                }
                assertThat(error(o, expected)).as("o of call %d", call).isLessThan(TOLERANCE);
                plan.saveStates(states);
                assertThat(error(states, h)).as("state of call %d", call).isLessThan(TOLERANCE);
            }
            plan.clearState(0);
            plan.saveStates(states);
            assertThat(states.asSlice(0, channels * 4L).mismatch(arena.allocate(channels * 4L)))
                    .isEqualTo(-1);
        }
    }

    private static double error(MemorySegment got, double[] expected) {
        double squaredError = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double difference = got.getAtIndex(ValueLayout.JAVA_FLOAT, i) - expected[i];
            squaredError += difference * difference;
            squares += expected[i] * expected[i];
        }
        return Math.sqrt(squaredError / squares);
    }
}
