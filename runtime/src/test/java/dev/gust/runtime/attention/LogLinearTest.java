package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Both forms of log-linear attention on every device that needs no driver. */
class LogLinearTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);
    private static final LogLinear LEVELS = new LogLinear(9, true, 0.5f);

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
        }
        // 13 is no power of two: chunks begin within blocks of the tree.
        for (int chunk : new int[] {13, 16, 64}) {
            LogLinearConformance.check(SCALAR, c, new Form.Chunked(chunk));
            LogLinearConformance.check(JVM, c, new Form.Chunked(chunk));
        }
        // Tuned kernels have chunks of 64 whatever is asked for.
        LogLinearConformance.check(EMULATOR, c, new Form.Chunked(13));
    }

    /** Slices that begin and end within blocks of the tree, from a position within one and levels of zero. */
    @ParameterizedTest
    @EnumSource(KernelStyle.class)
    void slicesGiveWhatTheWholeGives(KernelStyle style) {
        DeltaSizes sizes = DeltaSizes.of(210, 2, 1, 2, 5, 3, HeadMap.INTERLEAVED);
        float[] expected = LogLinearConformance.from(
                LogLinearKernels.prepare(SCALAR, LEVELS, sizes, Form.RECURRENT, KernelStyle.PORTABLE), sizes, 37);
        for (Form form : List.of(Form.RECURRENT, new Form.Chunked(64))) {
            for (long elements : new long[] {1, 1 << 20}) {
                float[] found = LogLinearConformance.from(
                        LogLinearKernels.prepare(EMULATOR, LEVELS, sizes, form, style, elements), sizes, 37);
                assertThat(found).as("%s, slices of %d", form, elements).hasSameSizeAs(expected);
                ErrorRatio.assertClose(
                        form + " in slices of " + elements,
                        DeltaBackwardConformance.doubles(expected),
                        DeltaBackwardConformance.doubles(found),
                        LogLinearConformance.TOLERANCE);
            }
        }
    }

    @Test
    void refusesMoreTokensThanItsLevelsAreFor() {
        DeltaSizes sizes = DeltaSizes.of(8, 1, 1, 1, 2, 2, HeadMap.INTERLEAVED);
        assertThat(LogLinear.levelsFor(131_071)).isEqualTo(18);
        assertThatThrownBy(() -> new LogLinear(LogLinear.levelsFor(131_072), false, 1))
                .isInstanceOf(UsageException.class);
        for (Device device : List.of(SCALAR, JVM)) {
            try (LogLinearPlan plan = new LogLinear(3, false, 1).prepare(device, sizes, Form.RECURRENT)) {
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
