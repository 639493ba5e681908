package dev.gust.runtime.layer;

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
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class NormTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<NormConformance.Case> cases() {
        return NormConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(NormConformance.Case c) {
        DEVICES.forEach(d -> NormConformance.check(d, c, Optional.empty()));
    }

    @Test
    void rowsOfZerosStayZero() {
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    NormPlan plan = Norm.l2(5).prepare(device, 2)) {
                MemorySegment y = Samples.room(arena, 10);
                plan.run(segment(arena, new float[10]), MemorySegment.NULL, 2, y);
                assertThat(y.mismatch(segment(arena, new float[10]))).isEqualTo(-1);
            }
        }
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment four = segment(arena, new float[4]);
            MemorySegment none = MemorySegment.NULL;
            assertThatThrownBy(() -> Norm.rms(5, four, 1e-6))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'w'");
            assertThatThrownBy(() -> Norm.rms(1, segment(arena, new float[] {Float.NaN}), 1e-6))
                    .isInstanceOf(InputException.class);
            assertThatThrownBy(() -> Norm.l2(0)).isInstanceOf(InputException.class);
            for (double epsilon : new double[] {0, -1, Double.NaN, 1e-60, Double.POSITIVE_INFINITY}) {
                assertThatThrownBy(() -> Norm.rms(4, four, epsilon)).isInstanceOf(UsageException.class);
            }
            assertThatThrownBy(() -> new Norm(Norm.Kind.L2, 4, none, NormGate.SILU, 1e-6))
                    .isInstanceOf(UsageException.class);
            assertThatThrownBy(() -> Norm.layer(4, none, segment(arena, new float[3]), 1e-6))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'b'");
            assertThatThrownBy(() -> Norm.rms(4, four, 1e-6).withResidual()).isInstanceOf(UsageException.class);
            for (Device device : DEVICES) {
                assertThatThrownBy(() -> Norm.l2(1 << 20).prepare(device, 1 << 20))
                        .isInstanceOf(UsageException.class);
                try (NormPlan plan = Norm.gatedRms(4, four, NormGate.SILU, 1e-6).prepare(device, 1)) {
                    assertThatThrownBy(() -> plan.run(four, none, 1, four))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'gate'")
                            .hasMessageContaining("missing");
                    assertThatThrownBy(() -> plan.run(four, four, 2, four))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("2 rows");
                    assertThatThrownBy(() -> plan.run(four, four, -1, four)).isInstanceOf(InputException.class);
                    assertThat(plan.run(none, none, 0, none).kernel()).isZero();
                    plan.close();
                    assertThatThrownBy(() -> plan.run(four, four, 1, four)).isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }
}
