package dev.gust.runtime.encoder;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/**
 * A seeded encoder of two small layers, and what it gives, computed in float64 from BERT's definition. Odd sizes; the first
 * layer's query is low-rank, and its key low-rank with a residual.
 */
final class TinyBert {
    static final int WORDS = 23;
    static final int POSITIONS = 11;
    static final int HIDDEN = 30;
    static final int INNER = 37;
    static final int HEADS = 3;
    static final int LAYERS = 2;
    static final int RANK = 5;
    private static final double EPSILON = 1e-5;

    private final Map<String, Shape> shapes = new LinkedHashMap<>();
    private final Map<String, float[]> values = new LinkedHashMap<>();
    private final SplittableRandom random = new SplittableRandom(17);
    private final String prefix;

    TinyBert(String prefix) {
        this.prefix = prefix;
        tensor("embeddings.word_embeddings.weight", 1, WORDS, HIDDEN);
        tensor("embeddings.position_embeddings.weight", 1, POSITIONS, HIDDEN);
        tensor("embeddings.token_type_embeddings.weight", 1, 2, HIDDEN);
        norm("embeddings.LayerNorm");
        for (int i = 0; i < LAYERS; i++) {
            String layer = "encoder.layer." + i + ".";
            linear(layer + "attention.self.query", HIDDEN, HIDDEN, i == 0, i > 0);
            linear(layer + "attention.self.key", HIDDEN, HIDDEN, i == 0, true);
            linear(layer + "attention.self.value", HIDDEN, HIDDEN, false, true);
            linear(layer + "attention.output.dense", HIDDEN, HIDDEN, false, true);
            norm(layer + "attention.output.LayerNorm");
            linear(layer + "intermediate.dense", INNER, HIDDEN, false, true);
            linear(layer + "output.dense", HIDDEN, INNER, false, true);
            norm(layer + "output.LayerNorm");
        }
        linear("pooler.dense", HIDDEN, HIDDEN, false, true);
    }

    private void linear(String module, int out, int in, boolean factors, boolean whole) {
        tensor(module + ".bias", 0.5, out);
        if (factors) {
            tensor(module + ".lowrank_a", 0.5, out, RANK);
            tensor(module + ".lowrank_b", 0.5, RANK, in);
        }
        if (whole) {
            tensor(module + ".weight", 0.3, out, in);
        }
    }

    private void norm(String module) {
        tensor(module + ".weight", 1, HIDDEN);
        tensor(module + ".bias", 0.3, HIDDEN);
    }

    private void tensor(String name, double deviation, long... dims) {
        Shape shape = Shape.of(dims);
        float[] x = new float[(int) shape.elements()];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (random.nextGaussian() * deviation);
        }
        shapes.put(name, shape);
        values.put(name, x);
    }

    /** Leaves a tensor out of what is written. */
    TinyBert without(String name) {
        shapes.remove(name);
        return this;
    }

    /** Gives a tensor another shape, of fewer elements. */
    TinyBert reshaped(String name, long... dims) {
        shapes.put(name, Shape.of(dims));
        return this;
    }

    ObjectNode config() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("model_type", "bert")
                .put("num_attention_heads", HEADS)
                .put("layer_norm_eps", EPSILON)
                .put("hidden_act", "gelu");
    }

    Path write(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            List<Tensor> tensors = new ArrayList<>();
            shapes.forEach((name, shape) -> {
                var info = new TensorInfo(prefix + name, DType.F32, shape);
                tensors.add(Tensor.view(
                        info,
                        arena.allocateFrom(ValueLayout.JAVA_FLOAT, of(name)).asSlice(0, info.byteSize())));
            });
            TensorFiles.write(file, tensors);
        }
        return file;
    }

    /** The last layer's rows [tokens][hidden] for one sequence. */
    double[][] hidden(int[] ids) {
        double[][] x = firstInputs(ids);
        for (int i = 0; i < LAYERS; i++) {
            x = layer(x, "encoder.layer." + i + ".");
        }
        return x;
    }

    /** What goes into the first layer's query for one sequence. */
    double[][] firstInputs(int[] ids) {
        double[][] x = new double[ids.length][];
        for (int t = 0; t < ids.length; t++) {
            double[] sum = new double[HIDDEN];
            for (int d = 0; d < HIDDEN; d++) {
                sum[d] = at("embeddings.word_embeddings.weight", ids[t] * HIDDEN + d)
                        + at("embeddings.position_embeddings.weight", t * HIDDEN + d)
                        + at("embeddings.token_type_embeddings.weight", d);
            }
            x[t] = norm(sum, "embeddings.LayerNorm");
        }
        return x;
    }

    private double[][] layer(double[][] x, String layer) {
        double[][] q = linear(x, layer + "attention.self.query");
        double[][] k = linear(x, layer + "attention.self.key");
        double[][] v = linear(x, layer + "attention.self.value");
        double[][] attended = linear(attention(q, k, v), layer + "attention.output.dense");
        double[][] middle = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            middle[t] = norm(sum(attended[t], x[t]), layer + "attention.output.LayerNorm");
        }
        double[][] inner = linear(middle, layer + "intermediate.dense");
        for (double[] row : inner) {
            for (int d = 0; d < row.length; d++) {
                row[d] *= normal(row[d]);
            }
        }
        double[][] narrow = linear(inner, layer + "output.dense");
        double[][] y = new double[x.length][];
        for (int t = 0; t < x.length; t++) {
            y[t] = norm(sum(narrow[t], middle[t]), layer + "output.LayerNorm");
        }
        return y;
    }

    private static double[][] attention(double[][] q, double[][] k, double[][] v) {
        int width = HIDDEN / HEADS;
        double[][] o = new double[q.length][HIDDEN];
        for (int h = 0; h < HEADS; h++) {
            for (int i = 0; i < q.length; i++) {
                double[] weights = new double[k.length];
                double total = 0;
                for (int j = 0; j < k.length; j++) {
                    double score = 0;
                    for (int d = h * width; d < (h + 1) * width; d++) {
                        score += q[i][d] * k[j][d];
                    }
                    weights[j] = Math.exp(score / Math.sqrt(width));
                    total += weights[j];
                }
                for (int j = 0; j < k.length; j++) {
                    for (int d = h * width; d < (h + 1) * width; d++) {
                        o[i][d] += weights[j] / total * v[j][d];
                    }
                }
            }
        }
        return o;
    }

    private double[][] linear(double[][] x, String module) {
        int out = of(module + ".bias").length;
        double[][] y = new double[x.length][out];
        for (int t = 0; t < x.length; t++) {
            for (int n = 0; n < out; n++) {
                double sum = at(module + ".bias", n);
                for (int d = 0; d < x[t].length; d++) {
                    sum += weight(module, n, d, x[t].length) * x[t][d];
                }
                y[t][n] = sum;
            }
        }
        return y;
    }

    private double weight(String module, int n, int d, int in) {
        double sum = values.containsKey(module + ".weight") ? at(module + ".weight", n * in + d) : 0;
        for (int r = 0; r < RANK && values.containsKey(module + ".lowrank_a"); r++) {
            sum += (double) at(module + ".lowrank_a", n * RANK + r) * at(module + ".lowrank_b", r * in + d);
        }
        return sum;
    }

    private double[] norm(double[] x, String module) {
        double mean = 0;
        double variance = 0;
        for (double value : x) {
            mean += value / x.length;
        }
        for (double value : x) {
            variance += (value - mean) * (value - mean) / x.length;
        }
        double[] y = new double[x.length];
        for (int d = 0; d < x.length; d++) {
            y[d] = (x[d] - mean) / Math.sqrt(variance + EPSILON) * at(module + ".weight", d) + at(module + ".bias", d);
        }
        return y;
    }

    private static double[] sum(double[] a, double[] b) {
        double[] y = new double[a.length];
        for (int d = 0; d < y.length; d++) {
            y[d] = a[d] + b[d];
        }
        return y;
    }

    /** Φ by its series, which is enough for the values here. */
    private static double normal(double x) {
        double term = x;
        double sum = x;
        for (int n = 1; n < 400; n++) {
            term *= x * x / (2 * n + 1);
            sum += term;
        }
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    private float at(String name, int i) {
        return of(name)[i];
    }

    private float[] of(String name) {
        return Objects.requireNonNull(values.get(name), name);
    }
}
