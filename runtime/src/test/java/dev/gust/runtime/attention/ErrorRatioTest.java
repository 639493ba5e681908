package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import org.junit.jupiter.api.Test;

class ErrorRatioTest {
    @Test
    void isTheErrorBesideTheReference() {
        assertThat(ErrorRatio.of(new double[] {3, -4}, new double[] {3, -4})).isZero();
        assertThat(ErrorRatio.of(new double[] {3, -4}, new double[] {3, -3})).isCloseTo(0.2, offset(1e-8));
        assertThat(ErrorRatio.of(new double[] {0, 0}, new double[] {1e-8, 1e-8}))
                .isCloseTo(1, offset(1e-12));
        assertThat(ErrorRatio.maximum(new double[] {1, 2}, new double[] {1.5, 1}))
                .isEqualTo(1);
    }

    @Test
    void failsAboveTheTolerance() {
        double[] expected = {1, 1, 1, 1};
        assertThatCode(() -> ErrorRatio.assertClose("o", expected, new float[] {1.004f, 1, 1, 1}, Tolerance.CHUNK))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", expected, new float[] {1, 1, 1.02f, 1}, Tolerance.CHUNK))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("o: error ratio 0.0099")
                .hasMessageContaining("worst at [2]");
    }

    @Test
    void passesTinyDifferencesWhateverTheirRatio() {
        double[] expected = {1e-9, 0};
        assertThatCode(() -> ErrorRatio.assertClose("o", expected, new double[] {9e-7, 0}, 1e-4))
                .doesNotThrowAnyException();
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", expected, new double[] {2e-6, 0}, 1e-4))
                .isInstanceOf(AssertionError.class);
    }

    @Test
    void failsOnNaNOfEitherSide() {
        double[] one = {1, 1};
        double[] nan = {1, Double.NaN};
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", one, nan, 1)).hasMessageContaining("o[1]");
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", nan, one, 1)).hasMessageContaining("o[1]");
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", nan, nan, 1)).hasMessageContaining("o[1]");
        assertThat(ErrorRatio.of(one, nan)).isNaN();
    }

    @Test
    void infiniteValuesHaveToBeTheSame() {
        double[] expected = {Double.NEGATIVE_INFINITY, 1};
        assertThatCode(() -> ErrorRatio.assertClose("m", expected, expected.clone(), 1e-4))
                .doesNotThrowAnyException();
        assertThatThrownBy(
                        () -> ErrorRatio.assertClose("m", expected, new double[] {Double.NEGATIVE_INFINITY, 1.1}, 1e-4))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> ErrorRatio.assertClose("m", expected, new double[] {-1e30, 1}, 1e-4))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> ErrorRatio.assertClose(
                        "m", new double[] {1, 1}, new double[] {Double.POSITIVE_INFINITY, 1}, 1e-4))
                .isInstanceOf(AssertionError.class);
    }

    @Test
    void lengthsHaveToAgree() {
        assertThatThrownBy(() -> ErrorRatio.assertClose("o", new double[2], new double[1], 1))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("expected 2 values, got 1");
    }
}
