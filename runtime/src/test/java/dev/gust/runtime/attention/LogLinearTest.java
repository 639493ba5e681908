package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of log-linear attention on every device that needs no driver. */
class LogLinearTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        List.<Device>of(SCALAR, JVM, EMULATOR).forEach(Device::close);
    }

    static List<LogLinearConformance.Case> cases() {
        return LogLinearConformance.cases();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(LogLinearConformance.Case c) {
        for (Device device : List.of(SCALAR, JVM, EMULATOR)) {
            LogLinearConformance.check(device, c, Form.RECURRENT);
            // 13 is no power of two: chunks begin within blocks of the tree.
            for (int chunk : new int[] {13, 16, 64}) {
                LogLinearConformance.check(device, c, new Form.Chunked(chunk));
            }
        }
    }

    @Test
    void refusesMoreTokensThanItsLevelsAreFor() {
        DeltaSizes sizes = DeltaSizes.of(8, 1, 1, 1, 2, 2, HeadMap.INTERLEAVED);
        assertThat(LogLinear.levelsFor(131_071)).isEqualTo(18);
        assertThatThrownBy(() -> new LogLinear(LogLinear.levelsFor(131_072), 1)).isInstanceOf(UsageException.class);
        for (Device device : List.of(SCALAR, JVM)) {
            try (LogLinearPlan plan = new LogLinear(3, 1).prepare(device, sizes, Form.RECURRENT)) {
                assertThatThrownBy(() -> LogLinearConformance.zeros(plan, sizes, 3, 4))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining("4 tokens");
                LogLinearConformance.zeros(plan, sizes, 3, 3);
                assertThat(plan.position(0)).isEqualTo(3);
                assertThatThrownBy(() -> LogLinearConformance.zeros(plan, sizes, 3, 1))
                        .isInstanceOf(IllegalArgumentException.class);
            }
        }
    }
}
