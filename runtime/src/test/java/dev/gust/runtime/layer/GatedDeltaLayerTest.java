package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GatedDeltaLayerTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<LayerCase> cases() {
        return LayerCase.all();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(LayerCase c) {
        DEVICES.forEach(d -> LayerConformance.check(d, c, Optional.empty()));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isTheChainOfItsOperators(LayerCase c) {
        DEVICES.forEach(d -> chain(d, c));
    }

    /** A prompt goes through the chain, ten tokens through the chain and the step. */
    private static void chain(Device device, LayerCase c) {
        var samples = new Samples(13);
        int n = c.sequences();
        try (Arena arena = Arena.ofShared()) {
            GatedDeltaLayer layer = c.layer(c.weights(samples), arena);
            try (var chain = new LayerChain(c, layer, device, 5 * n);
                    LayerPlan plan = layer.prepare(device, n)) {
                chain.run(c.inputs(samples, 5 * n).segments(arena), Sequences.of(n, 5));
                MemorySegment state = room(arena, n * layer.stateElements());
                MemorySegment conv = room(arena, n * layer.convElements());
                chain.save(state, conv);
                plan.load(state, conv, n);
                for (int step = 0; step < 10; step++) {
                    LayerInputs x = c.inputs(samples, n).segments(arena);
                    MemorySegment expected = chain.run(x, Sequences.of(n, 1));
                    MemorySegment o = room(arena, expected.byteSize() / 4);
                    plan.step(x, o);
                    assertClose("o of step " + step + " on " + device.id(), doubles(expected), o, 1e-4);
                }
                MemorySegment lastState = room(arena, n * layer.stateElements());
                MemorySegment lastConv = room(arena, n * layer.convElements());
                chain.save(state, conv);
                plan.save(lastState, lastConv, n);
                assertClose("state", doubles(state), lastState, 1e-4);
                assertThat(lastConv.mismatch(conv)).as("inputs").isEqualTo(-1);
            }
        }
    }

    private static double[] doubles(MemorySegment x) {
        float[] values = x.toArray(ValueLayout.JAVA_FLOAT);
        return Samples.doubles(values);
    }

    @Test
    void gatesThatForgetEverythingLeaveWhatTheTokenWrites() {
        var c = new LayerCase(1, 1, 4, 3, 2, 1, false, false, 1, NormGate.SILU, HeadMap.INTERLEAVED, 1);
        var samples = new Samples(2);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared()) {
                LayerCase.Weights w = c.weights(samples);
                GatedDeltaLayer layer = c.layer(w, arena);
                try (LayerPlan kept = layer.prepare(device, 1);
                        LayerPlan fresh = layer.prepare(device, 1)) {
                    LayerCase.Inputs x = c.inputs(samples, 1);
                    MemorySegment o = room(arena, 3);
                    kept.load(segment(arena, samples.gaussian(12, 1)), segment(arena, new float[11]), 1);
                    LayerInputs forgets = new LayerInputs(
                            segment(arena, x.qkv()),
                            segment(arena, new float[] {1e30f}),
                            segment(arena, x.b()),
                            segment(arena, x.gate()));
                    kept.step(forgets, o);
                    MemorySegment expected = room(arena, 3);
                    fresh.step(forgets, expected);
                    assertClose("o on " + device.id(), doubles(expected), o, 1e-5);
                }
            }
        }
    }

    @Test
    void partsThatDoNotFitAreRefused() {
        try (Arena arena = Arena.ofShared()) {
            LayerCase c = LayerCase.all().getFirst();
            LayerCase.Weights w = c.weights(new Samples(1));
            GatedDeltaLayer good = c.layer(w, arena);
            MemorySegment none = MemorySegment.NULL;
            Gate wide = Gate.decay(4, 5, segment(arena, w.aLog()), none);
            assertThatThrownBy(() -> GatedDeltaLayer.of(3, 8, good.conv(), good.decay(), good.beta(), good.norm()))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("4 value heads on 3 key heads");
            assertThatThrownBy(() -> GatedDeltaLayer.of(2, 9, good.conv(), good.decay(), good.beta(), good.norm()))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("56 channels");
            assertThatThrownBy(() -> GatedDeltaLayer.of(2, 8, good.conv(), wide, good.beta(), good.norm()))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("5 channels");
            assertThatThrownBy(() -> GatedDeltaLayer.of(2, 8, good.conv(), good.beta(), good.beta(), good.norm()))
                    .isInstanceOf(InputException.class);
            assertThatThrownBy(
                            () -> GatedDeltaLayer.of(2, 8, good.conv(), good.decay(), Gate.beta(3, false), good.norm()))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("3 heads");
            assertThatThrownBy(() ->
                            GatedDeltaLayer.of(2, 8, good.conv(), good.decay(), good.beta(), Norm.rms(6, none, 1e-6)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("gated");
            for (Device device : DEVICES) {
                assertThatThrownBy(() -> good.prepare(device, Integer.MAX_VALUE))
                        .isInstanceOf(UsageException.class);
            }
        }
    }

    @Test
    void whatDoesNotFitAStepIsSaidBeforeItRuns() {
        LayerCase c = LayerCase.all().getFirst();
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    LayerPlan plan = c.layer(c.weights(new Samples(1)), arena).prepare(device, 2)) {
                LayerInputs x = c.inputs(new Samples(1), 2).segments(arena);
                MemorySegment o = room(arena, 48);
                for (int[] sequences : new int[][] {{0, 0}, {0, 2}, {-1, 0}, {0}}) {
                    assertThatThrownBy(() -> plan.step(x, sequences, o)).isInstanceOf(InputException.class);
                }
                LayerInputs three = c.inputs(new Samples(1), 3).segments(arena);
                assertThatThrownBy(() -> plan.step(three, o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'qkv'");
                var swapped = new LayerInputs(x.qkv(), x.gate(), x.b(), x.a());
                assertThatThrownBy(() -> plan.step(swapped, o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'a'");
                var spoilt = new LayerInputs(x.qkv(), segment(arena, nan(8)), x.b(), x.gate());
                assertThatThrownBy(() -> plan.step(spoilt, o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("NaN");
                assertThatThrownBy(() -> plan.clear(2)).isInstanceOf(InputException.class);
                assertThatThrownBy(() -> plan.load(o, o, 1)).isInstanceOf(InputException.class);
                assertThatThrownBy(() -> plan.save(o, o, 3)).isInstanceOf(InputException.class);
                MemorySegment none = MemorySegment.NULL;
                assertThat(plan.step(new LayerInputs(none, none, none, none), none)
                                .kernel())
                        .isZero();
                // Nothing of this has touched the states.
                MemorySegment state = room(arena, 2 * 192);
                plan.save(state, room(arena, 2 * 56 * 3), 2);
                assertThat(IntStream.range(0, 384).filter(i -> state.getAtIndex(ValueLayout.JAVA_FLOAT, i) != 0))
                        .isEmpty();
                plan.close();
                assertThatThrownBy(() -> plan.step(x, o)).isInstanceOf(IllegalStateException.class);
            }
        }
    }

    private static float[] nan(int count) {
        float[] x = new float[count];
        x[count - 1] = Float.NaN;
        return x;
    }
}
