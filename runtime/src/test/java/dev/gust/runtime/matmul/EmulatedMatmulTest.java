package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.emulator.EmulatorDevice;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The tuned kernels, of every stored form, on the emulator. */
class EmulatedMatmulTest {
    private static final EmulatorDevice DEVICE = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        DEVICE.close();
    }

    static List<String> forms() {
        return SampleWeights.forms();
    }

    @ParameterizedTest
    @MethodSource("forms")
    void tunedKernelsMultiplyByTheRestoredWeight(String form) {
        int g = SampleWeights.granularity(form);
        for (int m = 1; m <= 5; m++) {
            for (int n : new int[] {1, 7}) {
                for (int k : new int[] {g, 3 * g, g == 1 ? 301 : 5 * g}) {
                    double error = MatmulConformance.check(DEVICE, form, m, n, k, 42, MatmulOptions.DEFAULT);
                    assertThat(error).as("%s: M %d, N %d, K %d", form, m, n, k).isLessThan(QuantizedMatmul.TOLERANCE);
                }
            }
        }
    }
}
