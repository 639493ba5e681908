package dev.gust.runtime.featuremap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every map on every device of the JVM, over shapes. */
class FeatureMapTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        SCALAR.close();
        JVM.close();
        EMULATOR.close();
    }

    @ParameterizedTest
    @EnumSource
    void portableKernelsAgreeWithFloat64(MapName map) {
        check(SCALAR, map, new int[] {1, 17}, new int[] {1, 8, 12, 32, 60, 64});
    }

    @ParameterizedTest
    @EnumSource
    void vectorLoopsAgreeWithFloat64(MapName map) {
        check(JVM, map, new int[] {1, 17}, new int[] {1, 8, 12, 32, 60, 64});
        check(JVM, map, new int[] {197}, new int[] {60});
    }

    @ParameterizedTest
    @EnumSource
    void tunedKernelsAgreeWithFloat64(MapName map) {
        check(EMULATOR, map, new int[] {1, 5}, new int[] {8, 70});
    }

    private static void check(Device device, MapName map, int[] tokens, int[] widths) {
        for (int n : tokens) {
            for (int d : widths) {
                for (int heads : new int[] {1, 3}) {
                    MapConformance.Sample sample = MapConformance.sample(map, n, heads, d, heads > 1, n > 1, 11 + d);
                    assertThat(MapConformance.check(device, sample, 5))
                            .as("%d tokens, %d heads, D %d", n, heads, d)
                            .isLessThan(FeatureMap.TOLERANCE);
                }
            }
        }
    }
}
