package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The linear RNNs as convolutions, by the kernels that their papers give. */
class DiagonalOraclesTest {
    private static final int TOKENS = 24;
    private static final int HEADS = 3;
    private static final int STATES = 4;
    private static final CaseShape SHAPE = new CaseShape(1, TOKENS, HEADS, HEADS, STATES, 1, List.of());

    /** kernel[l · HEADS + h] applied to u. */
    private static double[] convolved(double[] kernel, float[] u) {
        double[] o = new double[u.length];
        for (int t = 0; t < TOKENS; t++) {
            for (int j = 0; j <= t; j++) {
                for (int h = 0; h < HEADS; h++) {
                    o[t * HEADS + h] += kernel[(t - j) * HEADS + h] * u[j * HEADS + h];
                }
            }
        }
        return o;
    }

    /** K_l = Re Σ_n w_n e^(Λ_n l). */
    @Test
    void dlrIsAConvolutionWithDampedWaves() {
        AttentionCase call = CaseInputs.draw(GridRow.of("dlr", SHAPE).withoutInitialState(), 1);
        double[] kernel = new double[TOKENS * HEADS];
        for (int i = 0; i < kernel.length; i++) {
            double l = Math.floorDiv(i, HEADS);
            for (int n = 0; n < STATES; n++) {
                int at = i % HEADS * STATES + n;
                double decay = Math.exp(-l * call.tensor("lambda")[at] * call.tensor("lambda")[at]);
                double angle = l * call.tensor("omega")[at];
                kernel[i] +=
                        decay * (call.tensor("w_re")[at] * Math.cos(angle) - call.tensor("w_im")[at] * Math.sin(angle));
            }
        }
        double[] expected = convolved(kernel, call.tensor("u"));
        assertThat(ErrorRatio.of(expected, Oracle.run(call).o())).isLessThan(1e-12);
    }

    /** K_l = c Ā^l B̄ (+ d at 0), with the inverse as a series. */
    @Test
    void lsslIsAConvolutionWithPowersOfItsMatrix() {
        AttentionCase call = CaseInputs.draw(GridRow.of("lssl", SHAPE).withoutInitialState(), 2);
        float[] steps = {0.01f, 0.02f, 0.04f};
        call = call.with("dt", steps);
        double[] kernel = new double[TOKENS * HEADS];
        for (int h = 0; h < HEADS; h++) {
            double[] x = new double[STATES];
            for (int n = 0; n < STATES; n++) {
                x[n] = steps[h] * (double) call.tensor("b")[n];
            }
            x = inverse(call, steps[h], x);
            for (int l = 0; l < TOKENS; l++) {
                for (int n = 0; n < STATES; n++) {
                    kernel[l * HEADS + h] += call.tensor("c")[h * STATES + n] * x[n];
                }
                double[] moved = half(call, steps[h], x);
                for (int n = 0; n < STATES; n++) {
                    moved[n] += x[n];
                }
                x = inverse(call, steps[h], moved);
            }
            kernel[h] += call.tensor("d")[h];
        }
        double[] expected = convolved(kernel, call.tensor("u"));
        assertThat(ErrorRatio.of(expected, Oracle.run(call).o())).isLessThan(1e-12);
    }

    /** (I − Δ/2 A)⁻¹ x as Σ (Δ/2 A)^p x, which converges since the step is small. */
    private static double[] inverse(AttentionCase call, double dt, double[] x) {
        double[] sum = x.clone();
        double[] power = x;
        for (int p = 0; p < 60; p++) {
            power = half(call, dt, power);
            for (int n = 0; n < STATES; n++) {
                sum[n] += power[n];
            }
        }
        return sum;
    }

    /** Δ/2 A x. */
    private static double[] half(AttentionCase call, double dt, double[] x) {
        double[] y = new double[STATES];
        for (int i = 0; i < STATES; i++) {
            for (int j = 0; j < STATES; j++) {
                y[i] += dt / 2 * call.tensor("a")[i * STATES + j] * x[j];
            }
        }
        return y;
    }

    @Test
    void legsIsLowerTriangular() {
        assertThat(DiagonalOracles.legs(3)).isEqualTo(new float[] {
            -1, 0, 0, (float) -Math.sqrt(3), -2, 0, (float) -Math.sqrt(5), (float) -Math.sqrt(15), -3
        });
    }
}
