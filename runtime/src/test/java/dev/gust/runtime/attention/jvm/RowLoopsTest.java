package dev.gust.runtime.attention.jvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RowLoopsTest {
    private static final int LENGTH = 64 * Panels.LANES;

    /** Decays are products of such exponentials, sixteen at most. */
    @Test
    void exponentialsAreGoodToThreeParts() {
        float[] x = new float[LENGTH];
        for (float least : new float[] {-1e-6f, -1, -20, -87}) {
            for (int i = 0; i < LENGTH; i++) {
                x[i] = least * i / LENGTH;
            }
            float[] y = x.clone();
            RowLoops.exponentials(y, 0, LENGTH);
            for (int i = 0; i < LENGTH; i++) {
                double expected = Math.exp(x[i]);
                assertThat(Math.abs(y[i] - expected)).as("e^%s", x[i]).isLessThanOrEqualTo(3e-7 * expected);
            }
        }
    }

    @Test
    void exponentialsOfWhatIsFarBelowZeroAreZero() {
        for (float value : new float[] {-110, -1e4f, -Float.MAX_VALUE, Float.NEGATIVE_INFINITY}) {
            assertThat(exponential(value)).as("e^%s", value).isZero();
        }
        assertThat(exponential(0)).isEqualTo(1);
        assertThat(exponential(Float.NaN)).isNaN();
    }

    private static float exponential(float value) {
        float[] x = new float[Panels.LANES];
        Arrays.fill(x, value);
        // Often enough that compiled code is what is tested, too.
        for (int i = 0; i < 100_000; i++) {
            Arrays.fill(x, value);
            RowLoops.exponentials(x, 0, Panels.LANES);
        }
        return x[Panels.LANES - 1];
    }
}
