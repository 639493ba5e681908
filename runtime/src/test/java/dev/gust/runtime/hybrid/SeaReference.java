package dev.gust.runtime.hybrid;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/** SEA in float64 from its definition, on {@link HybridReference}'s tensors. */
final class SeaReference {
    private final HybridReference reference;
    private final HybridCase call;

    SeaReference(HybridReference reference) {
        this.reference = reference;
        this.call = reference.call;
    }

    /** Adds the outputs of a sequence to the reference's. */
    void add(int first, int end) {
        int top = (int) reference.number("top", 7);
        int columns = call.dim("w_dec", 0);
        double[][][] x = contexts(first, end);
        double[][][] scores = new double[end - first][reference.heads()][];
        double[][][] hidden = new double[end - first][reference.heads()][];
        for (int i = 0; i < end - first; i++) {
            for (int h = 0; h < reference.heads(); h++) {
                hidden[i][h] = hidden(x[i][h]);
                scores[i][h] = affine("w_dec", "b_dec", hidden[i][h]);
            }
        }
        if (call.tensors().containsKey("conv")) {
            scores = convolved(scores);
        }
        for (int i = first; i < end; i++) {
            int seen = i - first + 1;
            List<double[]> order = new ArrayList<>();
            for (int h = 0; h < reference.heads(); h++) {
                double[] p = HybridReference.softmax(scores[i - first][h]);
                for (int m = 0; m < columns; m++) {
                    order.add(new double[] {p[m], h, m});
                }
            }
            order.sort(Comparator.comparingDouble(c -> -c[0]));
            long budget = Math.round((double) reference.heads() * top * columns / seen);
            for (int h = 0; h < reference.heads(); h++) {
                double[] sum = new double[call.dim("v", 3)];
                double[] mean = new double[sum.length];
                double divisor = 0;
                for (int j = first; j <= i; j++) {
                    HybridReference.add(mean, 1.0 / seen, reference.key("v", j, h));
                    double place = (j - first + 0.5) * columns / seen;
                    int column = (int) Math.ceil(place) - 1;
                    for (double[] c : order.subList(0, (int) Math.clamp(budget, 1, order.size()))) {
                        if (c[1] == h && c[2] == column) {
                            double weight = Math.exp(reference.score(i, j, h));
                            divisor += weight;
                            HybridReference.add(sum, weight, reference.key("v", j, h));
                        }
                    }
                }
                double[] scale = affine("w_scale", "b_scale", hidden[i - first][h]);
                double share = 1 / (1 + Math.exp(-scale[1]));
                reference.store(i, h, reference.heads(), mean, 1 - share);
                if (divisor > 0) {
                    reference.store(i, h, reference.heads(), sum, share / (1 + Math.exp(-scale[0])) / divisor);
                }
            }
        }
    }

    private double[][][] contexts(int first, int end) {
        int places = call.dim("position", 1);
        int values = call.dim("v", 3);
        double[][][] x = new double[end - first][reference.heads()][places + 2 * values];
        for (int h = 0; h < reference.heads(); h++) {
            for (int i = first; i < end; i++) {
                double divisor = 0;
                double[] to = x[i - first][h];
                for (int j = first; j <= i; j++) {
                    double weight =
                            Values.product(features(reference.q(i, h), h), features(reference.key("k", j, h), h));
                    divisor += weight;
                    for (int d = 0; d < places; d++) {
                        to[d] += weight * Values.at(call.tensor("position"), (long) (j - first) * places + d);
                    }
                    for (int d = 0; d < values; d++) {
                        to[places + d] += weight * reference.key("v", j, h)[d];
                    }
                }
                for (int d = 0; d < places + values; d++) {
                    to[d] = divisor == 0 ? 0 : to[d] / divisor;
                }
                System.arraycopy(reference.key("v", i, h), 0, to, places + values, values);
            }
        }
        return x;
    }

    private double[] features(double[] x, int h) {
        boolean given = call.tensors().containsKey("w_map");
        return Arrays.stream(given ? reference.projected(x, "w_map", h) : x)
                .map(v -> given ? Math.max(0, v) : v > 0 ? v + 1 : Math.exp(v))
                .toArray();
    }

    private double[] hidden(double[] x) {
        double[] y = affine("w_enc", "b_enc", x);
        double mean = Arrays.stream(y).average().orElse(0);
        double variance =
                Arrays.stream(y).map(v -> (v - mean) * (v - mean)).average().orElse(0);
        for (int d = 0; d < y.length; d++) {
            double u = (y[d] - mean) / Math.sqrt(variance + 1e-5);
            u *= call.tensors().containsKey("norm_w") ? Values.at(call.tensor("norm_w"), d) : 1;
            u += call.tensors().containsKey("norm_b") ? Values.at(call.tensor("norm_b"), d) : 0;
            y[d] = u / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (u + 0.044715 * Math.pow(u, 3))));
        }
        return y;
    }

    private double[] affine(String w, String b, double[] x) {
        double[] y = new double[call.dim(w, 0)];
        for (int r = 0; r < y.length; r++) {
            double bias = call.tensors().containsKey(b) ? Values.at(call.tensor(b), r) : 0;
            y[r] = bias + Values.product(Values.row(call.tensor(w), r, x.length), x);
        }
        return y;
    }

    private double[][][] convolved(double[][][] scores) {
        int columns = call.dim("w_dec", 0);
        double[][][] sums = new double[scores.length][reference.heads()][columns];
        for (int t = 0; t < scores.length; t++) {
            for (int h = 0; h < reference.heads(); h++) {
                for (int m = 0; m < columns; m++) {
                    for (int n = 0; n < 9 * reference.heads(); n++) {
                        int from = n / 9;
                        int token = t - 2 + n % 9 / 3;
                        int column = m - 1 + n % 3;
                        if (token >= 0 && column >= 0 && column < columns) {
                            sums[t][h][m] += Values.at(call.tensor("conv"), (long) h * 9 * reference.heads() + n)
                                    * scores[token][from][column];
                        }
                    }
                }
            }
        }
        return sums;
    }
}
