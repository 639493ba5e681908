package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class GateTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<GateConformance.Case> cases() {
        return GateConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(GateConformance.Case c) {
        DEVICES.forEach(d -> GateConformance.check(d, c));
    }

    @Test
    void nothingOverflowsFarOut() {
        float infinity = Float.POSITIVE_INFINITY;
        float[] x = {-infinity, -1e30f, -200, 0, 200, 1e30f, infinity};
        for (Device device : DEVICES) {
            assertThat(one(device, Gate.logSigmoid(1, 1, 16), x))
                    .containsExactly(-infinity, -1e30f / 16, -12.5f, (float) (-Math.log(2) / 16), 0, 0, 0);
            assertThat(one(device, Gate.beta(1, true), x)).containsExactly(0, 0, 0, 1, 2, 2, 2);
            try (Arena arena = Arena.ofShared()) {
                MemorySegment aLog = segment(arena, new float[] {-1000});
                for (float g : one(device, Gate.decay(1, 1, aLog, MemorySegment.NULL), x)) {
                    assertThat(g).isLessThanOrEqualTo(0);
                }
                for (float g : one(device, Gate.boundedDecay(1, 1, aLog, MemorySegment.NULL, -5), x)) {
                    assertThat(g).isBetween(-5f, 0f);
                }
            }
        }
    }

    private static float[] one(Device device, Gate gate, float[] x) {
        try (Arena arena = Arena.ofShared();
                GatePlan plan = gate.prepare(device, x.length)) {
            MemorySegment y = room(arena, x.length);
            plan.run(segment(arena, x), x.length, y);
            float[] gates = y.toArray(ValueLayout.JAVA_FLOAT);
            for (int i = 0; i < gates.length; i++) {
                gates[i] += 0f; // no −0
            }
            return gates;
        }
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment none = MemorySegment.NULL;
            MemorySegment two = segment(arena, new float[2]);
            assertThatThrownBy(() -> Gate.decay(3, 1, two, none))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'a_log'")
                    .hasMessageContaining("2 elements where 3");
            assertThatThrownBy(() -> Gate.decay(2, 1, none, none))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("missing");
            assertThatThrownBy(() -> Gate.decay(2, 3, two, two))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'dt_bias'");
            assertThatThrownBy(() -> Gate.decay(1, 1, segment(arena, new float[] {Float.NaN}), none))
                    .isInstanceOf(InputException.class);
            assertThatThrownBy(() -> Gate.decay(1, 1, segment(arena, new float[] {89}), none))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("89");
            assertThatThrownBy(() -> Gate.decay(0, 1, two, none)).isInstanceOf(InputException.class);
            assertThatThrownBy(() -> new Gate(Gate.Kind.BETA, 2, 1, two, none, 1))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("leave it out");
            assertThatThrownBy(() -> Gate.boundedDecay(2, 1, two, none, 5)).isInstanceOf(UsageException.class);
            for (double normalizer : new double[] {0, -16, Double.NaN, Double.POSITIVE_INFINITY}) {
                assertThatThrownBy(() -> Gate.logSigmoid(2, 1, normalizer)).isInstanceOf(UsageException.class);
            }
            for (Device device : DEVICES) {
                assertThatThrownBy(() -> Gate.beta(1 << 20, false).prepare(device, 1 << 20))
                        .isInstanceOf(UsageException.class);
                try (GatePlan plan = Gate.beta(2, false).prepare(device, 1)) {
                    assertThatThrownBy(() -> plan.run(two, 2, two)).isInstanceOf(InputException.class);
                    assertThatThrownBy(() -> plan.run(none, 1, two)).isInstanceOf(InputException.class);
                    MemorySegment spoilt = segment(arena, new float[] {0, Float.NaN});
                    assertThatThrownBy(() -> plan.run(spoilt, 1, two))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("NaN at element 1");
                    assertThat(plan.run(none, 0, none).kernel()).isZero();
                    plan.close();
                    assertThatThrownBy(() -> plan.run(two, 1, two)).isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }
}
