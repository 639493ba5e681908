package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.interchange.OnnxLinearAttention;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
