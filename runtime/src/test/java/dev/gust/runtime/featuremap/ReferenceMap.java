package dev.gust.runtime.featuremap;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** Every map, one row at a time, in float64 and from its definition. */
final class ReferenceMap {
    private ReferenceMap() {}

    /**
     * Features of one row.
     *
     * @param w [rows, D], or γ [D]; empty if there is none
     * @param b [rows], or β [D]; empty if there is none
     */
    static double[] of(MapName map, MapOptions options, double[] x, double[] w, double[] b) {
        int d = x.length;
        double[] y = map.weights() == MapName.Weights.AFFINE || w.length == 0 ? x : linear(x, w, b);
        double root = Math.sqrt(d);
        return switch (map) {
            case ELU1 -> each(x, v -> v > 0 ? v + 1 : Math.exp(v));
            case RELU -> each(x, v -> Math.max(v, 0));
            case EXP -> each(x, Math::exp);
            case IDENTITY -> x;
            case SQUARED_RELU -> each(x, v -> Math.max(v, 0) * Math.max(v, 0));
            case GELU -> each(x, v -> 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))));
            case SWISH -> each(x, v -> v / (1 + Math.exp(-v)));
            case SIGMOID -> each(x, v -> 1 / (1 + Math.exp(-v)));
            case T2R -> each(y, v -> Math.max(v, 0));
            case SOFTMAX -> softmax(x);
            case HEDGEHOG -> softmax(join(each(y, v -> 2 * v), each(y, v -> -2 * v)));
            case LOLCATS -> each(join(softmax(y), softmax(each(y, v -> -v))), v -> Math.max(v, 1e-12));
            case EXP_MAX -> {
                double most = Arrays.stream(y).max().orElseThrow();
                yield each(y, v -> Math.max(Math.exp(v - most), 1e-12));
            }
            case NORM_PRESERVED -> {
                double norm = norm(y);
                double gain = norm == 0 ? 0 : norm(x) / norm;
                double[] u = each(y, v -> v * gain);
                yield join(softmax(u), softmax(each(u, v -> -v)));
            }
            case DPFP -> dpfp(x, options);
            case TAYLOR ->
                join(
                        new double[] {1},
                        each(x, v -> v / Math.sqrt(root)),
                        each(x, v -> v * v / (root * Math.sqrt(2))),
                        each(pairs(x, x, 1), v -> v / root));
            case REBASED -> {
                double[] u = options.layerNorm() ? layerNorm(x) : x.clone();
                for (int i = 0; i < d; i++) {
                    u[i] = u[i] * (w.length == 0 ? 1 : w[i]) + (b.length == 0 ? 0 : b[i]);
                }
                yield join(each(u, v -> v * v / root), each(pairs(u, u, 1), v -> v * Math.sqrt(2.0 / d)));
            }
            case HADAMARD -> product(first(y), second(y));
            case OUTER_PRODUCT -> pairs(first(y), second(y), 0);
            case POLYSKETCH -> {
                double[] z = linear(layerNorm(x), w, b);
                double[] u = each(product(first(z), second(z)), v -> v / root);
                yield pairs(u, u, 0);
            }
        };
    }

    private static double[] dpfp(double[] x, MapOptions options) {
        double[] mirrored =
                join(each(x, v -> Math.max(v, 0)), each(x, v -> (options.negated() ? -1 : 1) * Math.max(-v, 0)));
        int n = mirrored.length;
        List<double[]> parts = new ArrayList<>();
        for (int j = 1; j <= options.nu(); j++) {
            double[] rolled = new double[n];
            for (int i = 0; i < n; i++) {
                rolled[(i + j) % n] = mirrored[i];
            }
            parts.add(product(mirrored, rolled));
        }
        return join(parts.toArray(double[][]::new));
    }

    private static double[] linear(double[] x, double[] w, double[] b) {
        return IntStream.range(0, w.length / x.length)
                .mapToDouble(e -> {
                    double sum = b.length == 0 ? 0 : b[e];
                    for (int i = 0; i < x.length; i++) {
                        sum += w[e * x.length + i] * x[i];
                    }
                    return sum;
                })
                .toArray();
    }

    private static double[] layerNorm(double[] x) {
        double mean = Arrays.stream(x).average().orElseThrow();
        double variance =
                Arrays.stream(x).map(v -> (v - mean) * (v - mean)).average().orElseThrow();
        return each(x, v -> (v - mean) / Math.sqrt(variance + 1e-5));
    }

    private static double[] softmax(double[] x) {
        double most = Arrays.stream(x).max().orElseThrow();
        double sum = Arrays.stream(x).map(v -> Math.exp(v - most)).sum();
        return each(x, v -> Math.exp(v - most) / sum);
    }

    private static double norm(double[] x) {
        return Math.sqrt(Arrays.stream(x).map(v -> v * v).sum());
    }

    /** x_i · y_j for j ≥ i + offset, row by row. */
    private static double[] pairs(double[] x, double[] y, int offset) {
        return IntStream.range(0, x.length)
                .boxed()
                .flatMapToDouble(i -> IntStream.range(i + offset, y.length).mapToDouble(j -> x[i] * y[j]))
                .toArray();
    }

    private static double[] product(double[] x, double[] y) {
        return IntStream.range(0, x.length).mapToDouble(i -> x[i] * y[i]).toArray();
    }

    private static double[] first(double[] y) {
        return Arrays.copyOf(y, y.length / 2);
    }

    private static double[] second(double[] y) {
        return Arrays.copyOfRange(y, y.length / 2, y.length);
    }

    private static double[] each(double[] x, DoubleUnaryOperator map) {
        return Arrays.stream(x).map(map).toArray();
    }

    private static double[] join(double[]... parts) {
        return Arrays.stream(parts).flatMapToDouble(DoubleStream::of).toArray();
    }
}
