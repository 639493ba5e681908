package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of HGRN's recurrence on every device that needs no driver, against finite differences in float64. */
class HgrnGradientTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    private static final Sequences SEQUENCES = new Sequences(0, 3, 3, 11);
    private static final int CHANNELS = 4;

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<Device> devices() {
        return DEVICES;
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void agreesWithFiniteDifferences(Device device) {
        for (Form form : List.of(Form.RECURRENT, new Form.Chunked(4))) {
            check(device, form, draw());
        }
    }

    /** A gate that forgets all has no gradient, one that forgets nothing has. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void gatesAtTheirEnds(Device device) {
        Map<String, double[]> x = draw();
        double[] g = get(x, "g");
        Arrays.fill(g, 2 * CHANNELS, 3 * CHANNELS, Double.NEGATIVE_INFINITY);
        Arrays.fill(g, 6 * CHANNELS, 7 * CHANNELS, Double.NEGATIVE_INFINITY);
        Map<String, float[]> found = gradients(device, Form.RECURRENT, x);
        for (int i = 6 * CHANNELS; i < 7 * CHANNELS; i++) {
            assertThat(found.getOrDefault("g", new float[0])[i]).isZero();
        }
        found.forEach((name, values) -> {
            for (float value : values) {
                assertThat(value).as(name).isFinite();
            }
        });
        Arrays.fill(g, 0);
        check(device, Form.RECURRENT, x);
    }

    @Test
    void otherRulesSayThatTheyHaveNone() {
        assertThat(DiagonalRnn.of("hgrn").hasGradient()).isTrue();
        assertThat(DiagonalRnn.of("dlr").hasGradient()).isFalse();
        assertThatThrownBy(() -> DiagonalRnn.of("lssl").prepareBackward(DEVICES.getFirst(), 4, 1, 2, 3, "a test"))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("rule lssl has no gradient");
    }

    private static Map<String, double[]> draw() {
        var random = new SplittableRandom(3);
        int tokens = SEQUENCES.tokens() * CHANNELS;
        int states = SEQUENCES.count() * CHANNELS;
        Map<String, double[]> x = new LinkedHashMap<>();
        x.put("x", random(random, tokens, 1));
        x.put("g", random(random, tokens, -1));
        x.put("initial_state", random(random, states, 1));
        x.put("dO", random(random, tokens, 1));
        x.put("dFinal", random(random, states, 1));
        return x;
    }

    /** Gaussian, or not positive. */
    private static double[] random(SplittableRandom random, int count, int sign) {
        double[] x = new double[count];
        for (int i = 0; i < count; i++) {
            double value = random.nextGaussian();
            x[i] = (float) (sign < 0 ? -Math.abs(value) : value);
        }
        return x;
    }

    private static double loss(Map<String, double[]> x) {
        double loss = 0;
        for (int n = 0; n < SEQUENCES.count(); n++) {
            for (int d = 0; d < CHANNELS; d++) {
                double h = get(x, "initial_state")[n * CHANNELS + d];
                for (int t = SEQUENCES.first(n); t < SEQUENCES.end(n); t++) {
                    int at = t * CHANNELS + d;
                    h = Math.exp(get(x, "g")[at]) * h + get(x, "x")[at];
                    loss += h * get(x, "dO")[at];
                }
                loss += h * get(x, "dFinal")[n * CHANNELS + d];
            }
        }
        return loss;
    }

    private static void check(Device device, Form form, Map<String, double[]> x) {
        gradients(device, form, x).forEach((name, found) -> {
            double[] values = get(x, name);
            double[] expected = new double[values.length];
            for (int i = 0; i < values.length; i++) {
                double was = values[i];
                values[i] = was + 1e-5;
                double above = loss(x);
                values[i] = was - 1e-5;
                expected[i] = (above - loss(x)) / 2e-5;
                values[i] = was;
            }
            ErrorRatio.assertClose(
                    "d" + name + " on " + device.id() + " " + form,
                    expected,
                    DeltaBackwardConformance.doubles(found),
                    1e-5);
        });
    }

    /** Two calls, the first with nothing carried: nothing is left of it. */
    private static Map<String, float[]> gradients(Device device, Form form, Map<String, double[]> x) {
        Map<String, float[]> found = new LinkedHashMap<>();
        try (Arena arena = Arena.ofShared();
                AttentionBackwardPlan plan =
                        DiagonalRnn.of("hgrn").withForm(form).prepareBackward(device, 12, 4, CHANNELS, 1, "a test")) {
            Map<String, MemorySegment> in = new LinkedHashMap<>();
            Map<String, MemorySegment> to = new LinkedHashMap<>();
            x.forEach((name, values) ->
                    in.put(name, DeltaBackwardConformance.segment(arena, DeltaBackwardConformance.floats(values))));
            for (String name : List.of("x", "g", "initial_state")) {
                to.put(name, arena.allocate(get(x, name).length * 4L, 4));
            }
            Map<String, MemorySegment> tensors = Map.of("x", at(in, "x"), "g", at(in, "g"));
            plan.run(tensors, SEQUENCES, Map.of(), at(in, "x"), Map.of(), to);
            plan.run(
                    tensors,
                    SEQUENCES,
                    Map.of("state", at(in, "initial_state")),
                    at(in, "dO"),
                    Map.of("state", at(in, "dFinal")),
                    to);
            to.forEach((name, values) -> found.put(name, values.toArray(ValueLayout.JAVA_FLOAT)));
        }
        return found;
    }

    private static MemorySegment at(Map<String, MemorySegment> segments, String name) {
        return segments.getOrDefault(name, MemorySegment.NULL);
    }

    private static double[] get(Map<String, double[]> x, String name) {
        return x.getOrDefault(name, new double[0]);
    }
}
