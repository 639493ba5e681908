package dev.gust.runtime.vision;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every rule on every device of the JVM, over shapes. */
class VisionAttentionTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    /** B, N, H, D: D below 16 (flash-linear-attention's issue 556), no powers of two, whole and partial tiles. */
    private static final int[][] SHAPES = {
        {1, 1, 1, 8},
        {2, 3, 3, 12},
        {1, 17, 3, 32},
        {1, 64, 1, 64},
        {2, 33, 1, 60},
        {1, 197, 1, 32},
        {1, 256, 1, 8},
        {1, 17, 1, 7},
        {1, 20, 1, 130},
    };

    /** The emulator checks every access and takes its time. */
    private static final int[][] SMALL = {
        {1, 1, 1, 8},
        {2, 3, 3, 12},
        {1, 17, 1, 68},
    };

    @AfterAll
    static void close() {
        SCALAR.close();
        JVM.close();
        EMULATOR.close();
    }

    @ParameterizedTest
    @EnumSource
    void portableKernelsAgreeWithFloat64(VisionRule rule) {
        check(SCALAR, rule, SHAPES, 49);
    }

    @ParameterizedTest
    @EnumSource
    void vectorLoopsAgreeWithFloat64(VisionRule rule) {
        check(JVM, rule, SHAPES, 49);
    }

    @ParameterizedTest
    @EnumSource
    void tunedKernelsAgreeWithFloat64(VisionRule rule) {
        check(EMULATOR, rule, SMALL, 5);
    }

    private static void check(Device device, VisionRule rule, int[][] shapes, int landmarks) {
        for (int[] s : shapes) {
            for (boolean rich : new boolean[] {false, true}) {
                VisionAttention attention = VisionConformance.attention(rule, s[0], s[1], s[2], s[3], landmarks, rich);
                if (rich && !attention.positions() && !attention.gates()) {
                    continue; // The rule takes nothing more.
                }
                VisionInputs inputs = VisionConformance.inputs(attention, 7, 1);
                try (VisionPlan plan = attention.prepare(device, 0)) {
                    assertThat(VisionConformance.check(plan, attention, inputs))
                            .as("%s", attention)
                            .isLessThan(VisionAttention.tolerance(rule));
                }
            }
        }
    }
}
