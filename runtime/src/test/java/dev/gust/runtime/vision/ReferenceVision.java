package dev.gust.runtime.vision;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/** Every rule for one head, in float64, as a matrix of weights [N, N] times v: quadratic, and written from the definitions. */
final class ReferenceVision {
    private ReferenceVision() {}

    /**
     * One head's tensors.
     *
     * @param q [N][D]
     * @param cos [N][D]; empty without positions
     * @param keyGates [N]; empty without gates
     */
    record Head(
            double[][] q,
            double[][] k,
            double[][] v,
            double[][] cos,
            double[][] sin,
            double[] keyGates,
            double[] valueGates) {}

    static double[][] of(VisionRule rule, int landmarks, Head head) {
        return rule == VisionRule.SOFT ? soft(landmarks, head) : times(weights(rule, head), head.v());
    }

    /** The weights by which a rule mixes values. */
    static double[][] weights(VisionRule rule, Head head) {
        int n = head.q().length;
        double scale = 1 / Math.sqrt(head.q()[0].length);
        double[][] q = map(head.q(), row -> query(rule, row));
        double[][] k = map(head.k(), row -> key(rule, row));
        if (rule == VisionRule.RALA) {
            double[] mean = mean(q);
            double[] logits =
                    Arrays.stream(k).mapToDouble(row -> scale * dot(row, mean)).toArray();
            double most = Arrays.stream(logits).max().orElseThrow();
            double sum = Arrays.stream(logits).map(l -> Math.exp(l - most)).sum();
            for (int j = 0; j < n; j++) {
                double weight = n * Math.exp(logits[j] - most) / sum;
                k[j] = each(k[j], x -> x * weight);
            }
        }
        for (int j = 0; j < head.keyGates().length; j++) {
            double gate = head.keyGates()[j];
            k[j] = each(k[j], x -> x * gate);
        }
        double[][] plain = products(q, k);
        double[][] turned = head.cos().length == 0 ? plain : products(turn(q, head), turn(k, head));
        double[][] weights = new double[n][n];
        for (int i = 0; i < n; i++) {
            double mean = Arrays.stream(plain[i]).average().orElseThrow();
            for (int j = 0; j < n; j++) {
                double part = turned[i][j] / n;
                weights[i][j] = switch (rule) {
                    case MALA -> scale * part * (1 + 1 / (scale * mean + 1e-6)) - scale * mean / n;
                    case INLINE -> scale * part + (1 - scale * mean) / n;
                    case LINFUSION -> part / (mean + 1e-4);
                    case SLAB -> turned[i][j] / (mean * n + 1e-6);
                    default -> part / (mean + 1e-6);
                };
                if (head.valueGates().length > 0) {
                    weights[i][j] *= head.valueGates()[j];
                }
            }
        }
        return weights;
    }

    private static double[] key(VisionRule rule, double[] x) {
        return switch (rule) {
            case ELU1, RALA, MALA, LINFUSION, CARE -> each(x, v -> v > 0 ? v + 1 : Math.exp(v));
            case RELU, SLAB, LIT -> each(x, v -> Math.max(v, 0));
            case LINA -> each(x, v -> Math.max(v, 0) + 1e-6);
            case INLINE, SOFT -> x.clone();
            case NALAFORMER -> signs(each(x, v -> v * v * v));
        };
    }

    private static double[] query(VisionRule rule, double[] x) {
        if (rule != VisionRule.NALAFORMER) {
            return key(rule, x);
        }
        double norm = Math.sqrt(dot(x, x));
        double power = 3 * (0.5 + Math.tanh(norm));
        return each(signs(x), v -> norm == 0 ? 0 : Math.pow(v / norm, power));
    }

    /** [relu(x), relu(−x)]. */
    private static double[] signs(double[] x) {
        double[] both = Arrays.copyOf(x, 2 * x.length);
        for (int i = 0; i < x.length; i++) {
            both[i] = Math.max(x[i], 0);
            both[x.length + i] = Math.max(-x[i], 0);
        }
        return both;
    }

    private static double[][] turn(double[][] x, Head head) {
        double[][] y = new double[x.length][x[0].length];
        int width = head.cos()[0].length;
        for (int n = 0; n < x.length; n++) {
            for (int f = 0; f < x[n].length; f += 2) {
                double cos = head.cos()[n][f % width];
                double sin = head.sin()[n][f % width];
                y[n][f] = x[n][f] * cos - x[n][f + 1] * sin;
                y[n][f + 1] = x[n][f + 1] * cos + x[n][f] * sin;
            }
        }
        return y;
    }

    /** K₁ (K₂ + 0.01 I)⁻¹ K₁ᵀ v with the inverse that 20 steps of the iteration reach. */
    private static double[][] soft(int landmarks, Head head) {
        int n = head.q().length;
        double factor = Math.pow(head.q()[0].length, -0.25);
        double[][] q = map(head.q(), row -> each(row, v -> v * factor));
        double[][] centres = new double[landmarks][];
        for (int l = 0; l < landmarks; l++) {
            int from = l * n / landmarks;
            int to = ((l + 1) * n + landmarks - 1) / landmarks;
            centres[l] = mean(Arrays.copyOfRange(q, from, to));
        }
        double[][] k1 = gaussians(q, centres);
        double[][] k2 = gaussians(centres, centres);
        return times(k1, times(newton(k2), times(transposed(k1), head.v())));
    }

    static double[][] newton(double[][] k2) {
        double most = Arrays.stream(k2)
                .mapToDouble(row -> Arrays.stream(row).sum())
                .max()
                .orElseThrow();
        double[][] p = map(k2, double[]::clone);
        for (int i = 0; i < p.length; i++) {
            p[i][i] += 0.01;
        }
        double[][] inverse = map(p, row -> each(row, v -> 1.8 / (most * most) * v));
        for (int step = 0; step < 20; step++) {
            double[][] product = times(times(inverse, p), inverse);
            for (int i = 0; i < p.length; i++) {
                for (int j = 0; j < p.length; j++) {
                    inverse[i][j] = 2 * inverse[i][j] - product[i][j];
                }
            }
        }
        return inverse;
    }

    private static double[][] gaussians(double[][] a, double[][] b) {
        return map(
                a,
                x -> Arrays.stream(b)
                        .mapToDouble(y -> Math.exp(-0.5
                                * IntStream.range(0, x.length)
                                        .mapToDouble(i -> (x[i] - y[i]) * (x[i] - y[i]))
                                        .sum()))
                        .toArray());
    }

    private static double[] mean(double[][] rows) {
        return IntStream.range(0, rows[0].length)
                .mapToDouble(c ->
                        Arrays.stream(rows).mapToDouble(r -> r[c]).average().orElseThrow())
                .toArray();
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static double[][] products(double[][] a, double[][] b) {
        return map(a, x -> Arrays.stream(b).mapToDouble(y -> dot(x, y)).toArray());
    }

    static double[][] times(double[][] a, double[][] b) {
        return products(a, transposed(b));
    }

    private static double[][] transposed(double[][] a) {
        double[][] b = new double[a[0].length][a.length];
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < a[i].length; j++) {
                b[j][i] = a[i][j];
            }
        }
        return b;
    }

    private static double[] each(double[] x, DoubleUnaryOperator map) {
        return Arrays.stream(x).map(map).toArray();
    }

    private static double[][] map(double[][] rows, UnaryOperator<double[]> map) {
        return Arrays.stream(rows).map(map).toArray(double[][]::new);
    }
}
