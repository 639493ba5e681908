package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Gradients of the delta step where others went wrong: gates that forget all, keys that repeat, long sums, no tokens. */
class DeltaBackwardEdgeTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<Device> devices() {
        return DEVICES;
    }

    private static DeltaValues draw(Decay decay, Erase erase, int tokens, int dim, boolean unit, double gates) {
        var step = new DeltaStep(decay, erase, erase != Erase.NONE, Read.AFTER, Normalize.each(unit), 0.5f);
        DeltaSizes sizes = DeltaSizes.of(tokens, 2, 1, 2, dim, dim + 1, HeadMap.INTERLEAVED);
        return DeltaValues.draw(new DeltaConformance.Case(step, sizes, new Sequences(0, 3, tokens), gates), 21);
    }

    @ParameterizedTest
    @EnumSource(
            value = Decay.class,
            names = {"HEAD", "TOKEN", "CHANNEL"})
    void gatesOfMinusInfinityForgetAndHaveNoGradient(Decay decay) {
        DeltaValues x = draw(decay, Erase.WRITE_KEY, 37, 6, true, -1);
        double[] g = x.input("g");
        for (int i = 0; i < g.length; i += 2) {
            g[i] = Double.NEGATIVE_INFINITY;
        }
        for (Device device : DEVICES) {
            DeltaBackwardConformance.check(device, x);
            float[] found = DeltaBackwardConformance.gradients(device, x).getOrDefault("g", new float[0]);
            for (int i = 0; i < g.length; i += 2) {
                assertThat(found[i]).isZero();
            }
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Decay.class,
            names = {"HEAD", "TOKEN", "CHANNEL"})
    void gatesOfZeroHaveAGradient(Decay decay) {
        DeltaValues x = draw(decay, Erase.WRITE_KEY, 70, 5, true, -1);
        Arrays.fill(x.input("g"), 0);
        DEVICES.forEach(device -> DeltaBackwardConformance.check(device, x));
    }

    /** Lengths beside those of a chunk and of what is kept of states, at odd widths: reads behind the last token. */
    @ParameterizedTest
    @ValueSource(ints = {31, 33, 63, 65})
    void kdaOfOddLengthsHasItsGradients807(int tokens) {
        DeltaValues x = draw(Decay.CHANNEL, Erase.WRITE_KEY, tokens, 5, true, -1);
        DEVICES.forEach(device -> DeltaBackwardConformance.check(device, x));
    }

    /** The worst case of a triangular inverse; there is none here, and it has to stay so. */
    @Test
    void repeatedKeysWithBetaTwo() {
        DeltaValues x = draw(Decay.NONE, Erase.WRITE_KEY, 100, 7, true, 0);
        double[] k = x.input("k");
        for (int i = 7; i < k.length; i++) {
            k[i] = k[i % 7];
        }
        Arrays.fill(x.input("beta"), 2);
        DEVICES.forEach(device -> DeltaBackwardConformance.check(device, x));
    }

    /** Gates that were recorded from a model, heads that forget all at every token among them. */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void recordedGates(Device device) {
        RealGates gates = RealGates.of("qwen3_next");
        int tokens = 96;
        var step = new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 0.3f);
        DeltaSizes sizes = DeltaSizes.of(tokens, 1, 4, gates.heads(), 8, 8, HeadMap.INTERLEAVED);
        DeltaValues x = DeltaValues.draw(new DeltaConformance.Case(step, sizes, new Sequences(0, tokens), -1), 22);
        for (int i = 0; i < tokens * gates.heads(); i++) {
            x.input("g")[i] = gates.g()[i];
            x.input("beta")[i] = gates.beta()[i];
        }
        DeltaBackwardConformance.check(device, x);
    }

    /**
     * flash-linear-attention #1095: where dg is a sum over all later tokens of q∘dq + e∘de − k∘dk, its rounding is that of
     * the terms, and what is left of the sum may be much smaller. Ours is the product of states and gradients. Measured with
     * gates to −0.01, −1 and −20: 2e-7, 1e-7 and 1e-7, where the sum of exact terms has 1e-6, 2e-6 and 9e-6, and
     * {@link DecayGradient#SUMS} 2e-6, 3e-6 and 1.3e-5.
     */
    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void decayGradientsOfStrongGatesKeepTheirPrecision1095(Device device) {
        for (double gates : new double[] {-0.01, -1, -20}) {
            DeltaValues x = draw(Decay.CHANNEL, Erase.WRITE_KEY, 1000, 6, false, gates);
            // Keys far below 1, so that the erased part stays small without a norm.
            for (String name : new String[] {"k", "q"}) {
                double[] values = x.input(name);
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (0.4 * values[i]);
                }
            }
            Map<String, double[]> expected = DeltaAdjoint.of(x);
            Map<String, float[]> found = DeltaBackwardConformance.gradients(device, x);
            double[] exact = expected.getOrDefault("g", new double[0]);
            double ours = ErrorRatio.of(exact, found.getOrDefault("g", new float[0]));
            double summed = ErrorRatio.of(exact, DeltaAdjoint.summedDecayGradient(x));
            Map<String, float[]> cheap = DeltaBackwardConformance.gradients(device, x, DecayGradient.SUMS);
            double cheaply = ErrorRatio.of(exact, cheap.getOrDefault("g", new float[0]));
            assertThat(ours)
                    .as("gates to %s", gates)
                    .isLessThan(2e-6)
                    .isLessThan(summed)
                    .isLessThan(cheaply);
            assertThat(cheaply).as("sums, gates to %s", gates).isLessThan(2e-5);
        }
    }

    @ParameterizedTest(autoCloseArguments = false)
    @MethodSource("devices")
    void withoutTokensStatesHandTheirGradientOn(Device device) {
        var step = new DeltaStep(Decay.HEAD, Erase.NONE, false, Read.AFTER, Normalize.NONE, 1);
        DeltaSizes sizes = DeltaSizes.of(4, 2, 1, 1, 3, 2, HeadMap.INTERLEAVED);
        try (Arena arena = Arena.ofConfined();
                BackwardPlan<DeltaOperands, DeltaGradients> plan = step.prepareBackward(device, sizes)) {
            MemorySegment none = DeltaOperands.NOTHING;
            MemorySegment g = arena.allocateFrom(ValueLayout.JAVA_FLOAT, -0.5f);
            MemorySegment dG = arena.allocateFrom(ValueLayout.JAVA_FLOAT, Float.NaN);
            MemorySegment dFinal = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 2, 3, 4, 5, 6);
            MemorySegment dInitial = arena.allocate(6 * 4, 4);
            plan.run(
                    new DeltaOperands(none, none, none, none, none, g),
                    new Sequences(0, 0),
                    none,
                    none,
                    dFinal,
                    new DeltaGradients(none, none, none, none, none, dG, dInitial));
            assertThat(dInitial.mismatch(dFinal)).isEqualTo(-1);
            assertThat(dG.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isZero();
        }
    }

    @Test
    void saysWhatDoesNotFit() {
        var step = new DeltaStep(Decay.NONE, Erase.NONE, false, Read.AFTER, Normalize.NONE, 1);
        DeltaSizes huge = DeltaSizes.of(1 << 30, 1, 64, 64, 128, 128, HeadMap.INTERLEAVED);
        for (Device device : DEVICES) {
            assertThatThrownBy(() -> step.prepareBackward(device, huge))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("1073741824 tokens")
                    .hasMessageContaining("prepare for fewer");
        }
        DeltaSizes sizes = DeltaSizes.of(2, 1, 1, 1, 2, 2, HeadMap.INTERLEAVED);
        for (Device device : DEVICES) {
            BackwardPlan<DeltaOperands, DeltaGradients> plan = step.prepareBackward(device, sizes);
            try (plan;
                    Arena arena = Arena.ofConfined()) {
                MemorySegment none = DeltaOperands.NOTHING;
                MemorySegment x = arena.allocate(2 * 2 * 4, 4);
                var operands = new DeltaOperands(x, x, none, x, none, none);
                var wrong = new DeltaGradients(x.asSlice(4), none, none, none, none, none, none);
                assertThatThrownBy(() -> plan.run(operands, new Sequences(0, 2), none, x, none, wrong))
                        .hasMessage("the gradient of q has 12 bytes where 4 floats are wanted");
                var few = new DeltaGradients(none, none, none, none, none, none, none);
                assertThatThrownBy(() -> plan.run(operands, new Sequences(0, 2), x.asSlice(4), x, none, few))
                        .hasMessage("initial states has 12 bytes where 4 floats are wanted");
                plan.run(operands, new Sequences(0, 2), none, x, none, few);
            }
            var after = new DeltaGradients(
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING,
                    DeltaOperands.NOTHING);
            MemorySegment none = DeltaOperands.NOTHING;
            assertThatThrownBy(() -> plan.run(
                            new DeltaOperands(none, none, none, none, none, none),
                            new Sequences(0),
                            none,
                            none,
                            none,
                            after))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
