package dev.gust.runtime.codebook;

import static dev.gust.runtime.codebook.AssignConformance.floats;
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

class KmeansAssignTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<AssignConformance.Case> cases() {
        return AssignConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(AssignConformance.Case c) {
        DEVICES.forEach(d -> AssignConformance.check(d, c, Optional.empty()));
    }

    @Test
    void whatIsNotFiniteIsNamed() {
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared();
                    AssignPlan plan = new KmeansAssign(3, 2, 2)
                            .prepare(device, floats(arena, 1, 2, 3, Float.NaN, 5, 6), 1, Optional.empty())) {
                MemorySegment ids = arena.allocate(12);
                MemorySegment distances = arena.allocate(12);
                assertThatThrownBy(() -> plan.assign(0, 3, floats(arena, 1, 2, 3, 4), 2, ids, distances))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'x'")
                        .hasMessageContaining("row 1");
                assertThatThrownBy(() -> plan.assign(
                                0,
                                1,
                                floats(arena, Float.POSITIVE_INFINITY, 2),
                                1,
                                ids.asSlice(0, 4),
                                distances.asSlice(0, 4)))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("row 0");
            }
        }
    }

    @Test
    void whatDoesNotFitIsSaidBeforeAnythingRuns() {
        assertThatThrownBy(() -> new KmeansAssign(1, 0, 1)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new KmeansAssign(1, 1, 0)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new KmeansAssign(1, 1, 1 << 25)).isInstanceOf(UsageException.class);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment two = floats(arena, 1, 2);
                MemorySegment one = arena.allocate(4);
                assertThatThrownBy(() -> new KmeansAssign(2, 2, 1).prepare(device, two, 1, Optional.empty()))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'x'");
                try (AssignPlan plan = new KmeansAssign(2, 1, 1).prepare(device, two, 1, Optional.empty())) {
                    MemorySegment center = floats(arena, 1);
                    assertThatThrownBy(() -> plan.assign(0, 2, center, 1, one, one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'ids'");
                    assertThatThrownBy(() -> plan.assign(2, 1, center, 1, one, one))
                            .isInstanceOf(InputException.class);
                    assertThatThrownBy(() -> plan.assign(0, 1, two, 2, one, one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'centroids'");
                    assertThatThrownBy(() -> plan.assign(0, 1, two, 1, one, one))
                            .isInstanceOf(InputException.class);
                    assertThat(plan.assign(1, 1, center, 1, one, one).total()).isPositive();
                    plan.close();
                    assertThatThrownBy(() -> plan.assign(0, 1, center, 1, one, one))
                            .isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }
}
