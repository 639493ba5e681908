package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.ForwardingDevice;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
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

    /** What devices do that take no more than 32-bit words; the emulator takes all. */
    @ParameterizedTest
    @MethodSource("forms")
    void tunedKernelsForWordsMultiplyOneRow(String form) {
        int g = SampleWeights.granularity(form);
        var words = new ForwardingDevice(DEVICE) {
            @Override
            public boolean takesHalves() {
                return false;
            }

            @Override
            public boolean takesHalfPairs() {
                return false;
            }

            @Override
            public boolean takesFloatBits() {
                return false;
            }
        };
        int k = g == 1 ? 301 : 5 * g;
        double error = MatmulConformance.check(words, form, 1, 7, k, 42, MatmulOptions.DEFAULT);
        assertThat(error).as("%s: K %d", form, k).isLessThan(QuantizedMatmul.TOLERANCE);
    }

    /** Eight loads at a time, and what they leave; pairs for one row of x. */
    @Test
    void longRowsOfHalvesAreSummedUp() {
        for (int m = 1; m <= 2; m++) {
            for (int n : new int[] {3, 21}) {
                for (int k : new int[] {2048, 2 * 2048 + 776, 2 * 2048 + 777}) {
                    assertThat(MatmulConformance.check(DEVICE, "F16", m, n, k, 42, MatmulOptions.DEFAULT))
                            .as("M %d, N %d, K %d", m, n, k)
                            .isLessThan(QuantizedMatmul.TOLERANCE);
                }
            }
        }
    }
}
