package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.jvm.JvmDevice;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class JvmMatmulTest {
    private static final MatmulOptions FLOATS = MatmulOptions.DEFAULT.withIntegerPath(false);

    static List<String> forms() {
        return SampleWeights.forms();
    }

    @ParameterizedTest
    @MethodSource("forms")
    void agreesWithTheRestoredWeight(String form) {
        try (var device = new JvmDevice()) {
            int g = SampleWeights.granularity(form);
            for (int n : new int[] {1, 7, 130}) {
                for (int k : new int[] {g, 3 * g, g == 1 ? 67 : 5 * g, 1280}) {
                    SampleWeights.Sample sample = SampleWeights.of(form, n, k, 42);
                    for (int m : new int[] {1, 2, 3, 5, 17}) {
                        assertThat(MatmulConformance.check(device, sample, m, 7, FLOATS))
                                .as("%s: M %d, N %d, K %d, float32", form, m, n, k)
                                .isLessThan(QuantizedMatmul.TOLERANCE);
                        assertThat(MatmulConformance.check(device, sample, m, 7, MatmulOptions.DEFAULT))
                                .as("%s: M %d, N %d, K %d, integers", form, m, n, k)
                                .isLessThan(QuantizedMatmul.INTEGER_TOLERANCE);
                    }
                }
            }
        }
    }
}
