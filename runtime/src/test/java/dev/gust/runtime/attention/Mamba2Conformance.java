package dev.gust.runtime.attention;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Mamba-2 (arXiv 2405.21060) as simple-gla: h = exp(Δ A) h + Δ x Bᵀ, y = h C; B and C are those of all heads. */
final class Mamba2Conformance {
    private static final int TOKENS = 37;
    private static final int HEADS = 3;
    private static final int STATE = 6;
    private static final int CHANNELS = 4;
    private static final double[] A = {-1, -4, -16};

    private Mamba2Conformance() {}

    static void check(Device device, Optional<KernelStyle> kernels, Form form) {
        var random = new SplittableRandom(9);
        AttentionCase drawn = CaseInputs.draw(
                        GridRow.of("simple-gla", new CaseShape(1, TOKENS, 1, HEADS, STATE, CHANNELS, List.of()))
                                .withoutInitialState(),
                        8)
                .withScale(1);
        float[] delta = CaseChanges.map(new float[TOKENS * HEADS], _ -> (float) random.nextDouble(0.001, 0.1));
        float[] x = drawn.tensor("v");
        float[] g = new float[delta.length];
        float[] v = new float[x.length];
        for (int i = 0; i < x.length; i++) {
            int at = i / CHANNELS;
            g[at] = (float) (delta[at] * A[at % HEADS]);
            v[i] = delta[at] * x[i];
        }
        double[] o = SplitConformance.whole(device, kernels, drawn.with("g", g).with("v", v), form)
                .getOrDefault("o", new double[0]);
        ErrorRatio.assertClose("y on " + device.id(), scan(drawn, delta), o, 1e-5);
    }

    private static double[] scan(AttentionCase call, float[] delta) {
        float[] x = call.tensor("v");
        double[] y = new double[x.length];
        for (int head = 0; head < HEADS; head++) {
            double[][] h = new double[CHANNELS][STATE];
            for (int t = 0; t < TOKENS; t++) {
                int at = t * HEADS + head;
                for (int p = 0; p < CHANNELS; p++) {
                    for (int n = 0; n < STATE; n++) {
                        h[p][n] = Math.exp(delta[at] * A[head]) * h[p][n]
                                + delta[at] * x[at * CHANNELS + p] * call.tensor("k")[t * STATE + n];
                        y[at * CHANNELS + p] += h[p][n] * call.tensor("q")[t * STATE + n];
                    }
                }
            }
        }
        return y;
    }
}
