package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Running logarithms of sums on every device that needs no driver. */
class LogSumsTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final List<Device> DEVICES = List.of(SCALAR, new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<LogSumsConformance.Case> cases() {
        return List.of(
                LogSumsConformance.small(false, HeadMap.INTERLEAVED, 1),
                LogSumsConformance.small(true, HeadMap.TILED, 1),
                LogSumsConformance.small(true, HeadMap.INTERLEAVED, 1e-3),
                LogSumsConformance.small(false, HeadMap.TILED, 8),
                LogSumsConformance.large());
    }

    @ParameterizedTest
    @MethodSource("cases")
    void agreesWithFloat64(LogSumsConformance.Case c) {
        for (Device device : DEVICES) {
            LogSumsConformance.check(LogSums.prepare(device, c.sizes(), c.normalizes()), c);
        }
    }

    /** Slices that begin and end within sequences. */
    @ParameterizedTest
    @ValueSource(longs = {1, 500})
    void slicesGiveWhatTheWholeGives(long elements) {
        for (boolean normalizes : new boolean[] {false, true}) {
            LogSumsConformance.Case c = LogSumsConformance.small(normalizes, HeadMap.INTERLEAVED, 1);
            var scan = new KernelLogSums(SCALAR, c.sizes(), c.normalizes(), elements);
            LogSumsConformance.check(new LogSums(c.sizes(), scan), c);
        }
    }

    @Test
    void refusesWhatDoesNotFitAndCallsAfterItsEnd() {
        DeltaSizes sizes = DeltaSizes.of(4, 1, 1, 1, 2, 3, HeadMap.INTERLEAVED);
        for (Device device : DEVICES) {
            LogSums sums = LogSums.prepare(device, sizes, false);
            MemorySegment short1 = MemorySegment.ofArray(new float[2]);
            assertThatThrownBy(() -> sums.run(short1, Sequences.of(1, 2), new float[2], short1, short1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("k has 8 bytes");
            assertThatThrownBy(() -> sums.run(short1, Sequences.of(1, 5), new float[2], short1, short1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("5 tokens");
            sums.close();
            assertThatThrownBy(() -> sums.run(short1, Sequences.of(1, 1), new float[2], short1, short1))
                    .isInstanceOf(IllegalStateException.class);
        }
    }
}
