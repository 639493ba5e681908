package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.interchange.GgmlGatedDeltaNet;
import dev.gust.runtime.attention.interchange.OnnxLinearAttention;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Calls in other projects' conventions, computed as they define them and by the oracles. */
class InterchangeTest {
    private final Random random = new Random(21);

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
            float[] key = floats(tokens * kvHeads * 7, 1);
            CaseChanges.normalise(key, 7);
            OnnxCall call = new OnnxCall(
                    rule,
                    2,
                    11,
                    qHeads,
                    kvHeads,
                    7,
                    5,
                    floats(tokens * qHeads * 7, 1),
                    key,
                    floats(tokens * kvHeads * 5, 1),
                    past ? Optional.of(floats(2 * kvHeads * 35, 1)) : Optional.empty(),
                    gated ? negative(tokens * kvHeads * (channels ? 7 : 1)) : new float[0],
                    delta ? floats(tokens * (sharedBeta ? 1 : kvHeads), 0.5f) : new float[0],
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
        GgmlCall call = ggmlCall(heads, valueHeads, channels);
        double[] actual = call.fromResult(Oracle.run(call.toCase()));
        assertThat(ErrorRatio.of(call.run(), actual)).isLessThan(1e-12);
        onDevices(call);
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
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice();
                Arena arena = Arena.ofShared()) {
            var inputs = new OnnxLinearAttention.Inputs(
                    segment(arena, call.query()),
                    segment(arena, call.key()),
                    segment(arena, call.value()),
                    call.pastState().map(past -> segment(arena, past)),
                    call.decay().length == 0 ? Optional.empty() : Optional.of(segment(arena, call.decay())),
                    call.beta().length == 0 ? Optional.empty() : Optional.of(segment(arena, call.beta())));
            for (Device device : List.of(jvm, scalar)) {
                MemorySegment output = arena.allocate(expected.output().length * 4L, 64);
                MemorySegment present = arena.allocate(expected.presentState().length * 4L, 64);
                operator.run(device, call.batch(), call.tokens(), inputs, output, present);
                close(expected.output(), output);
                close(expected.presentState(), present);
            }
        }
    }

    private static void onDevices(GgmlCall call) {
        var operator = new GgmlGatedDeltaNet(call.heads(), call.valueHeads(), call.size());
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice();
                Arena arena = Arena.ofShared()) {
            var inputs = new GgmlGatedDeltaNet.Inputs(
                    segment(arena, call.q()),
                    segment(arena, call.k()),
                    segment(arena, call.v()),
                    segment(arena, call.g()),
                    segment(arena, call.beta()),
                    segment(arena, call.state()));
            double[] expected = call.run();
            for (Device device : List.of(jvm, scalar)) {
                MemorySegment buffer = arena.allocate(expected.length * 4L, 64);
                operator.run(device, call.seqs(), call.tokens(), inputs, buffer);
                close(expected, buffer);
            }
        }
    }

    private static void close(double[] expected, MemorySegment actual) {
        assertThat(ErrorRatio.of(expected, actual.toArray(ValueLayout.JAVA_FLOAT)))
                .isLessThan(1e-5);
    }

    private static MemorySegment segment(Arena arena, float[] x) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }

    @Test
    void anotherHeadOrderOrStateOrderIsAnotherResult() {
        GgmlCall call = ggmlCall(2, 4, false);
        AttentionCase right = call.toCase();
        double[] expected = call.run();
        AttentionCase heads = right.withMap(AttentionCase.Heads.INTERLEAVED);
        assertThat(ErrorRatio.of(expected, call.fromResult(Oracle.run(heads)))).isGreaterThan(0.1);
        AttentionCase state = right.with("initial_state", call.state());
        assertThat(ErrorRatio.of(expected, call.fromResult(Oracle.run(state)))).isGreaterThan(0.1);
    }

    private GgmlCall ggmlCall(int heads, int valueHeads, boolean channels) {
        int tokens = 2 * 13;
        float[] k = floats(tokens * heads * 6, 1);
        CaseChanges.normalise(k, 6);
        return new GgmlCall(
                2,
                13,
                heads,
                valueHeads,
                6,
                floats(tokens * heads * 6, 1),
                k,
                floats(tokens * valueHeads * 6, 1),
                negative(tokens * valueHeads * (channels ? 6 : 1)),
                floats(tokens * valueHeads, 0.5f),
                floats(2 * valueHeads * 36, 1));
    }

    private float[] floats(int count, float factor) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian() * factor;
        }
        return values;
    }

    private float[] negative(int count) {
        return CaseChanges.map(floats(count, 1), x -> -Math.abs(x));
    }
}
