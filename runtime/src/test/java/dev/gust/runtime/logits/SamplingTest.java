package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import org.junit.jupiter.api.Test;

/** Draws from a head whose probabilities are known: rows are logarithms, and h is 1. */
class SamplingTest {
    private static final double[] P = {0.1, 0.4, 0.05, 0.15, 0.3};
    private static final int DRAWS = 20_000;

    private static double[] frequencies(Sampling sampling) {
        float[] rows = new float[P.length];
        for (int i = 0; i < P.length; i++) {
            rows[i] = (float) Math.log(P[i]);
        }
        VqHead head = VqHead.of(P.length, 1, SampleHeads.floats(rows), new Screen.None());
        float[] h = new float[DRAWS];
        java.util.Arrays.fill(h, 1);
        double[] shares = new double[P.length];
        try (Device device = new JvmDevice();
                LogitsHead logits = LogitsHead.of(device, head, HeadOptions.DEFAULT)) {
            int[] drawn = logits.sample(h, sampling);
            assertThat(logits.sample(h, sampling)).as("the same seed").containsExactly(drawn);
            for (int id : drawn) {
                shares[id]++;
            }
        }
        return java.util.Arrays.stream(shares).map(count -> count / DRAWS).toArray();
    }

    private static void assertShares(double[] got, double... expected) {
        for (int i = 0; i < expected.length; i++) {
            // Five standard deviations of a share.
            double slack = 5 * Math.sqrt(expected[i] * (1 - expected[i]) / DRAWS);
            assertThat(Math.abs(got[i] - expected[i]))
                    .as("token %d: %f", i, got[i])
                    .isLessThanOrEqualTo(slack);
        }
    }

    @Test
    void sharesAreTheSoftmax() {
        assertShares(frequencies(Sampling.of(1)), P);
    }

    @Test
    void temperatureSharpens() {
        // Squares of probabilities, made to sum to 1.
        double sum = 0.01 + 0.16 + 0.0025 + 0.0225 + 0.09;
        assertShares(
                frequencies(new Sampling(0.5, 0, 1, 2)),
                0.01 / sum,
                0.16 / sum,
                0.0025 / sum,
                0.0225 / sum,
                0.09 / sum);
        assertShares(frequencies(new Sampling(0, 0, 1, 2)), 0, 1, 0, 0, 0);
    }

    @Test
    void topKKeepsTheHighest() {
        assertShares(frequencies(new Sampling(1, 2, 1, 3)), 0, 4.0 / 7, 0, 0, 3.0 / 7);
    }

    @Test
    void topPKeepsTheFewestThatSumToIt() {
        assertShares(frequencies(new Sampling(1, 0, 0.75, 4)), 0, 0.4 / 0.85, 0, 0.15 / 0.85, 0.3 / 0.85);
        assertShares(frequencies(new Sampling(1, 0, 0.01, 4)), 0, 1, 0, 0, 0);
        assertShares(frequencies(new Sampling(1, 3, 0.8, 4)), 0, 4.0 / 7, 0, 0, 3.0 / 7);
    }

    @Test
    void probabilitiesSumToOne() {
        VqHead head = VqHead.of(3, 1, SampleHeads.floats(-800, 0, 800), new Screen.None());
        try (Device device = new JvmDevice();
                LogitsHead logits = LogitsHead.of(device, head, HeadOptions.DEFAULT)) {
            assertThat(logits.probabilities(new float[] {1, 0})).containsExactly(0, 0, 1, 1 / 3f, 1 / 3f, 1 / 3f);
        }
    }

    @Test
    void nonsenseIsRefused() {
        assertThatThrownBy(() -> new Sampling(-1, 0, 1, 0)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Sampling(Double.NaN, 0, 1, 0)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Sampling(1, 0, 0, 0)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new Sampling(1, -1, 1, 0)).isInstanceOf(UsageException.class);
    }
}
