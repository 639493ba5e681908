package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.interchange.GgmlGatedDeltaNet;
import dev.gust.runtime.attention.interchange.OnnxLinearAttention;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Calls in other projects' conventions, computed as they define them and by the oracles. */
class InterchangeTest {
    private static final List<Device> DEVICES = List.of(new JvmDevice(), new ScalarDevice(), new EmulatorDevice(2));

    private final Random random = new Random(21);

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    @ParameterizedTest
    @CsvSource({
        "linear, 4, 4, false, false",
        "linear, 6, 2, false, false",
        "gated, 4, 2, false, false",
        "gated, 4, 2, true, false",
        "delta, 4, 4, false, true",
        "delta, 3, 1, false, false",
        "gated_delta, 6, 3, false, false",
        "gated_delta, 6, 3, true, true",
    })
    void onnx(String rule, int qHeads, int kvHeads, boolean channels, boolean sharedBeta) {
        int tokens = 2 * 11;
        boolean gated = rule.startsWith("gated");
        boolean delta = rule.endsWith("delta");
        for (boolean past : new boolean[] {false, true}) {
            float[] key = GgmlConformance.floats(random, tokens * kvHeads * 7, 1);
            CaseChanges.normalise(key, 7);
            OnnxCall call = new OnnxCall(
                    rule,
                    2,
                    11,
                    qHeads,
                    kvHeads,
                    7,
                    5,
                    GgmlConformance.floats(random, tokens * qHeads * 7, 1),
                    key,
                    GgmlConformance.floats(random, tokens * kvHeads * 5, 1),
                    past ? Optional.of(GgmlConformance.floats(random, 2 * kvHeads * 35, 1)) : Optional.empty(),
                    gated ? GgmlConformance.negative(random, tokens * kvHeads * (channels ? 7 : 1)) : new float[0],
                    delta ? GgmlConformance.floats(random, tokens * (sharedBeta ? 1 : kvHeads), 0.5f) : new float[0],
                    past ? 0.3 : 0);
            OnnxCall.Outputs expected = call.run();
            OnnxCall.Outputs actual = call.fromResult(Oracle.run(call.toCase()));
            assertThat(ErrorRatio.of(expected.output(), actual.output())).isLessThan(1e-12);
            assertThat(ErrorRatio.of(expected.presentState(), actual.presentState()))
                    .isLessThan(1e-12);
            onDevices(call, expected);
        }
    }

    @ParameterizedTest
    @CsvSource({"4, 4, false", "2, 4, false", "2, 6, true"})
    void ggml(int heads, int valueHeads, boolean channels) {
        GgmlCall call = GgmlConformance.draw(random, heads, valueHeads, channels);
        double[] actual = call.fromResult(Oracle.run(call.toCase()));
        assertThat(ErrorRatio.of(call.run(), actual)).isLessThan(1e-12);
        DEVICES.forEach(device -> GgmlConformance.check(device, call));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 4, 13, 15})
    void ggmlKeepsTheStatesBehindTheLastTokens(int snapshots) {
        GgmlCall call = GgmlConformance.draw(random, 2, 4, snapshots == 4);
        for (Device device : DEVICES) {
            GgmlConformance.check(device, call, snapshots);
        }
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeAnythingRuns() {
        GgmlCall call = GgmlConformance.draw(random, 2, 4, false);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment q = GgmlConformance.segment(arena, call.q());
            MemorySegment v = GgmlConformance.segment(arena, call.v());
            MemorySegment beta = GgmlConformance.segment(arena, call.beta());
            MemorySegment states = GgmlConformance.segment(arena, call.state());
            var ggml = new GgmlGatedDeltaNet(2, 4, call.size(), 2);
            var inputs = new GgmlGatedDeltaNet.Inputs(q, q, v, beta, beta, states);
            MemorySegment narrow = arena.allocate(v.byteSize() + states.byteSize());
            refused("buffer", () -> ggml.run(DEVICES.getFirst(), call.seqs(), call.tokens(), inputs, narrow));
            refused("'q'", () -> ggml.run(DEVICES.getFirst(), call.seqs(), call.tokens() - 1, inputs, narrow));
            assertThat(narrow.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
            refused("snapshots", () -> new GgmlGatedDeltaNet(2, 4, 6, 0));
            // 2 sequences of 13 tokens, 4 heads of 6.
            var onnx = new OnnxLinearAttention("linear", 4, 4, 6, 6, 0, 0);
            MemorySegment o = arena.allocate(v.byteSize());
            var calls = new OnnxLinearAttention.Inputs(
                    v, v, v, Optional.of(states.asSlice(4)), Optional.empty(), Optional.empty());
            refused("past_state", () -> onnx.run(DEVICES.getFirst(), 2, 13, calls, o, states));
            var fresh = new OnnxLinearAttention.Inputs(v, v, v, Optional.empty(), Optional.empty(), Optional.empty());
            refused("present_state", () -> onnx.run(DEVICES.getFirst(), 2, 13, fresh, o, states.asSlice(4)));
            assertThat(o.toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
        }
    }

    private static void refused(String what, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(InputException.class).hasMessageContaining(what);
    }

    private static void onDevices(OnnxCall call, OnnxCall.Outputs expected) {
        var operator = new OnnxLinearAttention(
                call.updateRule(),
                call.qHeads(),
                call.kvHeads(),
                call.keySize(),
                call.valueSize(),
                (float) call.scale(),
                0);
        try (Arena arena = Arena.ofShared()) {
            var inputs = new OnnxLinearAttention.Inputs(
                    GgmlConformance.segment(arena, call.query()),
                    GgmlConformance.segment(arena, call.key()),
                    GgmlConformance.segment(arena, call.value()),
                    call.pastState().map(past -> GgmlConformance.segment(arena, past)),
                    call.decay().length == 0
                            ? Optional.empty()
                            : Optional.of(GgmlConformance.segment(arena, call.decay())),
                    call.beta().length == 0
                            ? Optional.empty()
                            : Optional.of(GgmlConformance.segment(arena, call.beta())));
            for (Device device : DEVICES) {
                MemorySegment output = arena.allocate(expected.output().length * 4L, 64);
                MemorySegment present = arena.allocate(expected.presentState().length * 4L, 64);
                operator.run(device, call.batch(), call.tokens(), inputs, output, present);
                GgmlConformance.close(device, expected.output(), output);
                GgmlConformance.close(device, expected.presentState(), present);
            }
        }
    }

    @Test
    void anotherHeadOrderOrStateOrderIsAnotherResult() {
        GgmlCall call = GgmlConformance.draw(random, 2, 4, false);
        AttentionCase right = call.toCase();
        double[] expected = call.run();
        AttentionCase heads = right.withMap(AttentionCase.Heads.INTERLEAVED);
        assertThat(ErrorRatio.of(expected, call.fromResult(Oracle.run(heads)))).isGreaterThan(0.1);
        AttentionCase state = right.with("initial_state", call.state());
        assertThat(ErrorRatio.of(expected, call.fromResult(Oracle.run(state)))).isGreaterThan(0.1);
    }
}
