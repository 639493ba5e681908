package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What breaks careless implementations: gates recorded from models, and keys that repeat. */
class NumericsTest {
    private static final List<Device> DEVICES = List.of(new JvmDevice(), new ScalarDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static Stream<Arguments> recorded() {
        return RealGates.MODELS.stream()
                .flatMap(model -> Stream.of("simple-gla", "gated-delta", "kda").map(rule -> Arguments.of(model, rule)));
    }

    /** Heads that reset at every token, −10⁴ in a chunk: e^(−G) overflows at the first token. */
    @ParameterizedTest
    @MethodSource("recorded")
    void gatesRecordedFromModels(String model, String rule) {
        RealGates gates = RealGates.of(model);
        check(DEVICES.subList(0, 1), gates.draw(rule, 32, 5));
        check(DEVICES, gates.first(2, 130).draw(rule, 12, 5));
    }

    static Stream<Arguments> repeated() {
        return Stream.of("delta", "gated-delta", "kda", "kaczmarz", "comba")
                .flatMap(rule -> Stream.of(
                        Arguments.of(rule, 0.3, 0.95),
                        Arguments.of(rule, 0.03, 1.0),
                        Arguments.of(rule, 0.1, 1.9),
                        Arguments.of(rule, 0.1, 2.0)));
    }

    /** Repeated tokens and padding give keys that are almost the same: where shortcuts for the triangular inverse fail. */
    @ParameterizedTest
    @MethodSource("repeated")
    void keysThatRepeat(String rule, double noise, double beta) {
        AttentionCase call = CaseInputs.draw(rule, CaseShape.of(1, 130, 2, 32), 6);
        if (rule.equals("comba")) {
            // p follows k, as it does in the layer.
            AttentionCase repeated = CaseChanges.withRepeatedKeys(call, noise, beta, 7);
            check(DEVICES, repeated.with("p", repeated.tensor("k")));
        } else {
            check(DEVICES, CaseChanges.withRepeatedKeys(call, noise, beta, 7));
        }
    }

    private static void check(List<Device> devices, AttentionCase call) {
        OracleResult expected = Oracle.run(call);
        for (Device device : devices) {
            RuleConformance.check(device, call, expected, Form.RECURRENT);
            // The emulator takes seconds for each.
            int[] lengths = device instanceof EmulatorDevice ? new int[] {64} : new int[] {16, 32, 64};
            for (int length : lengths) {
                RuleConformance.check(device, call, expected, new Form.Chunked(length));
            }
        }
    }
}
