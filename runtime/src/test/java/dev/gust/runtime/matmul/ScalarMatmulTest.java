package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.scalar.ScalarDevice;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ScalarMatmulTest {
    static List<String> forms() {
        return SampleWeights.forms();
    }

    @ParameterizedTest
    @MethodSource("forms")
    void theOracleMultipliesByTheRestoredWeight(String form) {
        try (var device = new ScalarDevice()) {
            int g = SampleWeights.granularity(form);
            for (int m : new int[] {1, 2, 3, 5}) {
                for (int n : new int[] {1, 7, 130}) {
                    for (int k : new int[] {g, 3 * g, g == 1 ? 67 : 5 * g}) {
                        double error = MatmulConformance.check(device, form, m, n, k, 42, MatmulOptions.DEFAULT);
                        assertThat(error)
                                .as("%s: M %d, N %d, K %d", form, m, n, k)
                                .isLessThan(QuantizedMatmul.TOLERANCE);
                    }
                }
            }
        }
    }
}
