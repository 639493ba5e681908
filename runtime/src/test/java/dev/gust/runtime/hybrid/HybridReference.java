package dev.gust.runtime.hybrid;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/** The rules in float64 straight from their definitions: every pair of tokens, every state token by token. */
final class HybridReference {
    final HybridCase call;
    private final double[] o;

    private HybridReference(HybridCase call) {
        this.call = call;
        this.o = new double[(int) call.attention().output(call.shapes()).elements()];
    }

    static double[] of(HybridCase call) {
        var reference = new HybridReference(call);
        for (int s = 0; s < call.sequences().count(); s++) {
            int first = call.sequences().first(s);
            int end = call.sequences().end(s);
            switch (call.attention().rule()) {
                case LOLCATS -> reference.lolcats(first, end);
                case STILL -> reference.still(first, end);
                case LIGER -> reference.liger(first, end);
                case MOM -> reference.mom(first, end);
                case LINEAR_INFSA -> reference.infsa(first, end);
                case NATS_L -> reference.natsL(first, end);
                case SEA -> new SeaReference(reference).add(first, end);
                case GAM -> reference.gam(first, end);
            }
        }
        return reference.o;
    }

    double number(String key, double otherwise) {
        String value = call.attention().attributes().get(key);
        return value == null ? otherwise : Double.parseDouble(value);
    }

    int heads() {
        return call.dim("q", 2);
    }

    double[] q(int t, int h) {
        return Values.row(call.tensor("q"), (long) t * heads() + h, call.dim("q", 3));
    }

    double[] key(String name, int t, int h) {
        int keyHeads = call.dim(name, 2);
        return Values.row(call.tensor(name), (long) t * keyHeads + h / (heads() / keyHeads), call.dim(name, 3));
    }

    void store(int t, int h, int heads, double[] sum, double factor) {
        for (int d = 0; d < sum.length; d++) {
            o[(t * heads + h) * sum.length + d] += factor * sum[d];
        }
    }

    static void add(double[] sum, double factor, double[] x) {
        for (int d = 0; d < x.length; d++) {
            sum[d] += factor * x[d];
        }
    }

    static double[] softmax(double[] x) {
        double max = Arrays.stream(x).max().orElse(0);
        double[] e = Arrays.stream(x).map(v -> Math.exp(v - max)).toArray();
        double sum = Arrays.stream(e).sum();
        return Arrays.stream(e).map(v -> v / sum).toArray();
    }

    private void lolcats(int first, int end) {
        int window = (int) number("window", 64);
        for (int h = 0; h < heads(); h++) {
            double near = call.tensors().containsKey("window_factor") ? Values.at(call.tensor("window_factor"), h) : 1;
            double far = call.tensors().containsKey("linear_factor") ? Values.at(call.tensor("linear_factor"), h) : 1;
            for (int i = first; i < end; i++) {
                int nearest = "true".equals(call.attention().attributes().get("terrace"))
                        ? Math.max(first, i - (i - first) % window - window)
                        : Math.max(first, i - window + 1);
                double max = Double.NEGATIVE_INFINITY;
                for (int j = nearest; j <= i; j++) {
                    max = Math.max(max, score(i, j, h));
                }
                double[] sum = new double[call.dim("v", 3)];
                double divisor = 0;
                for (int j = first; j <= i; j++) {
                    double weight = j >= nearest
                            ? near * Math.exp(score(i, j, h) - max)
                            : far
                                    * Values.product(
                                            features(q(i, h), "w_q", h),
                                            features(key("k", j, h), "w_k", h / (heads() / call.dim("k", 2))));
                    divisor += weight;
                    add(sum, weight, key("v", j, h));
                }
                store(i, h, heads(), sum, 1 / divisor);
            }
        }
    }

    private void still(int first, int end) {
        int chunk = (int) number("chunk", 64);
        int top = (int) number("top", 4);
        for (int h = 0; h < heads(); h++) {
            boolean[] salient = salient(first, end, h, chunk, top);
            for (int i = first; i < end; i++) {
                int nearest = Math.max(first, i - (i - first) % chunk - chunk);
                double max = Double.NEGATIVE_INFINITY;
                for (int j = first; j <= i; j++) {
                    max = j >= nearest || salient[j - first] ? Math.max(max, score(i, j, h)) : max;
                }
                double[] exact = new double[call.dim("v", 3)];
                double[] rest = new double[exact.length];
                double divisor = 0;
                for (int j = first; j <= i; j++) {
                    boolean seen = j >= nearest || salient[j - first];
                    double weight = seen
                            ? Math.exp(score(i, j, h) - max)
                            : Values.product(preserved(q(i, h), "w_q", h), preserved(key("k", j, h), "w_k", h));
                    divisor += weight;
                    add(seen ? exact : rest, weight, key("v", j, h));
                }
                for (int d = 0; d < exact.length; d++) {
                    long at = ((long) i * heads() + h) * exact.length + d;
                    boolean gated = call.tensors().containsKey("gate");
                    exact[d] += rest[d] / (gated ? 1 + Math.exp(-Values.at(call.tensor("gate"), at)) : 1);
                }
                store(i, h, heads(), exact, 1 / divisor);
            }
        }
    }

    /** Which tokens of each chunk a head chooses. */
    private boolean[] salient(int first, int end, int h, int chunk, int top) {
        double[] saliency = new double[end - first];
        for (int i = first; i < end; i++) {
            int from = Math.max(first, i - chunk + 1);
            double[] scores = new double[i + 1 - from];
            for (int j = from; j <= i; j++) {
                scores[j - from] = score(i, j, h);
            }
            double[] with = softmax(scores);
            double[] without = new double[scores.length];
            if (scores.length > 1) {
                System.arraycopy(softmax(Arrays.copyOf(scores, scores.length - 1)), 0, without, 0, scores.length - 1);
            }
            for (int j = 0; j < scores.length; j++) {
                saliency[i - first] += with[j] * Math.log((with[j] + 1e-8) / (without[j] + 1e-8));
            }
        }
        boolean[] salient = new boolean[end - first];
        for (int i = first; i < end; i++) {
            int greater = 0;
            int start = (i - first) / chunk * chunk;
            for (int j = start; j < Math.min(end - first, start + chunk); j++) {
                greater += saliency[j] > saliency[i - first] ? 1 : 0;
            }
            salient[i - first] = greater < top;
        }
        return salient;
    }

    /** [softmax(u), softmax(−u)] of u = y ‖x‖/‖y‖, y = w x. */
    private double[] preserved(double[] x, String name, int head) {
        double[] y = projected(x, name, head);
        double factor = Math.sqrt(Values.product(x, x) / Values.product(y, y));
        return halves(Arrays.stream(y).map(v -> v * factor).toArray());
    }

    double score(int i, int j, int h) {
        return Values.product(q(i, h), key("k", j, h)) / Math.sqrt(call.dim("q", 3));
    }

    /** [softmax(y), softmax(−y)] of y = w x. */
    private double[] features(double[] x, String name, int head) {
        return halves(projected(x, name, head));
    }

    double[] projected(double[] x, String name, int head) {
        if (!call.tensors().containsKey(name)) {
            return x;
        }
        int rows = call.dim(name, 1);
        double[] y = new double[rows];
        for (int e = 0; e < rows; e++) {
            y[e] = Values.product(Values.row(call.tensor(name), (long) head * rows + e, x.length), x);
        }
        return y;
    }

    private static double[] halves(double[] y) {
        double[] plus = softmax(y);
        double[] minus = softmax(Arrays.stream(y).map(v -> -v).toArray());
        return IntStream.range(0, 2 * y.length)
                .mapToDouble(e -> e < plus.length ? plus[e] : minus[e - plus.length])
                .toArray();
    }

    private void liger(int first, int end) {
        int window = (int) number("window", 64);
        double mix = number("mix", 0.5);
        boolean own = call.tensors().containsKey("window_k");
        for (int h = 0; h < heads(); h++) {
            double[][] state = new double[call.dim("q", 3)][call.dim("v", 3)];
            for (int i = first; i < end; i++) {
                double[] sum = new double[call.dim("v", 3)];
                double divisor = 0;
                for (int j = Math.max(first, i - window + 1); j <= i; j++) {
                    double[] query = own
                            ? Values.row(call.tensor("window_q"), (long) i * heads() + h, call.dim("q", 3))
                            : q(i, h);
                    double s = Values.product(query, key(own ? "window_k" : "k", j, h));
                    double weight = Math.exp(s / Math.sqrt(query.length));
                    divisor += weight;
                    add(sum, weight, key("v", j, h));
                }
                store(i, h, heads(), sum, mix / divisor);
                double[] raw = key("k", i, h);
                double[] k = softmax(raw);
                double[] query = softmax(q(i, h));
                double[] read = new double[sum.length];
                for (int c = 0; c < k.length; c++) {
                    double gate = Math.pow(1 / (1 + Math.exp(-raw[c])), 1 / number("normalizer", 16));
                    for (int d = 0; d < read.length; d++) {
                        state[c][d] = gate * state[c][d] + k[c] * key("v", i, h)[d];
                    }
                    add(read, query[c], state[c]);
                }
                store(i, h, heads(), read, 1 - mix);
            }
        }
    }

    /** One gated delta step with unit keys. */
    private static void deltaStep(double[][] state, double[] k, double[] v, double g, double beta) {
        double[] unit = unit(k);
        double[] held = new double[v.length];
        for (int c = 0; c < unit.length; c++) {
            for (int d = 0; d < v.length; d++) {
                state[c][d] *= Math.exp(g);
            }
            add(held, unit[c], state[c]);
        }
        for (int c = 0; c < unit.length; c++) {
            for (int d = 0; d < v.length; d++) {
                state[c][d] += unit[c] * beta * (v[d] - held[d]);
            }
        }
    }

    private static double[] deltaRead(double[][] state, double[] q, int values) {
        double[] unit = unit(q);
        double[] read = new double[values];
        for (int c = 0; c < unit.length; c++) {
            add(read, unit[c] / Math.sqrt(unit.length), state[c]);
        }
        return read;
    }

    private static double[] unit(double[] x) {
        double norm = Math.sqrt(Values.product(x, x) + 1e-6);
        return Arrays.stream(x).map(v -> v / norm).toArray();
    }

    private void mom(int first, int end) {
        int memories = call.dim("router", 2);
        int top = (int) number("top", 2);
        boolean shared = "true".equals(call.attention().attributes().get("shared"));
        int sets = memories + (shared ? 1 : 0);
        boolean own = call.dim("k", 2) == heads() * sets;
        int valueHeads = own ? call.dim("v", 2) / sets : call.dim("v", 2);
        int values = call.dim("v", 3);
        for (int m = 0; m < sets; m++) {
            for (int h = 0; h < valueHeads; h++) {
                double[][] state = new double[call.dim("q", 3)][values];
                for (int t = first; t < end; t++) {
                    double weight = m == memories ? 1 : routed(t, m, memories, top);
                    if (weight == 0) {
                        continue;
                    }
                    int head = h / (valueHeads / heads());
                    long keyRow = (long) t * call.dim("k", 2) + (own ? m * heads() : 0) + head;
                    long valueRow = (long) t * call.dim("v", 2) + (own ? m * valueHeads : 0) + h;
                    deltaStep(
                            state,
                            Values.row(call.tensor("k"), keyRow, call.dim("k", 3)),
                            Values.row(call.tensor("v"), valueRow, values),
                            Values.at(call.tensor("g"), valueRow),
                            Values.at(call.tensor("beta"), valueRow));
                    store(t, h, valueHeads, deltaRead(state, q(t, head), values), weight);
                }
            }
        }
    }

    /** A memory's weight for a token, 0 if it is not among the token's. */
    private double routed(int t, int memory, int memories, int top) {
        double[] p = softmax(Values.row(call.tensor("router"), t, memories));
        List<Integer> best =
                new ArrayList<>(IntStream.range(0, memories).boxed().toList());
        best.sort(Comparator.comparingDouble(m -> -p[m]));
        double sum = best.subList(0, top).stream().mapToDouble(m -> p[m]).sum();
        return best.subList(0, top).contains(memory) ? p[memory] / sum : 0;
    }

    private void infsa(int first, int end) {
        boolean pure = "pure".equals(call.attention().attributes().get("form"));
        for (int h = 0; h < heads(); h++) {
            double[] mean = new double[call.dim("q", 3)];
            double norms = 0;
            double squares = 0;
            for (int i = first; i < end; i++) {
                double norm = Math.sqrt(Values.product(q(i, h), q(i, h)));
                norms += norm;
                add(mean, norm, q(i, h));
                for (int j = first; j < end; j++) {
                    squares += Math.pow(Math.max(0, Values.product(q(i, h), key("k", j, h))), 2);
                }
            }
            for (int i = first; i < end; i++) {
                double[] query = q(i, h);
                double divisor = Math.sqrt(squares);
                if (!pure) {
                    double all = norms;
                    query = Arrays.stream(mean).map(v -> v / all).toArray();
                    divisor = 0;
                    for (int j = first; j < end; j++) {
                        divisor += Math.max(0, Values.product(query, key("k", j, h)));
                    }
                }
                for (int j = first; j < end; j++) {
                    double weight = Math.max(0, Values.product(query, key("k", j, h)));
                    store(i, h, heads(), key("v", j, h), number("rho", 1) * weight / divisor);
                }
            }
        }
    }

    private void natsL(int first, int end) {
        int chunk = (int) number("chunk", 64);
        int values = call.dim("v", 3);
        for (int h = 0; h < heads(); h++) {
            double[][] settled = new double[call.dim("q", 3)][values];
            boolean[] softmaxed = new boolean[end - first];
            for (int start = first; start < end; start += chunk) {
                int stop = Math.min(end, start + chunk);
                double[] logits = new double[2];
                for (int t = start; t < stop; t++) {
                    add(logits, 1.0 / (stop - start), Values.row(call.tensor("router"), (long) t * heads() + h, 2));
                }
                Arrays.fill(softmaxed, start - first, stop - first, logits[1] > logits[0]);
                // What the chunk itself sees, and what is left of it for later chunks.
                double[][] own = Arrays.stream(settled).map(double[]::clone).toArray(double[][]::new);
                for (int t = start; t < stop; t++) {
                    long row = (long) t * heads() + h;
                    double g = Values.at(call.tensor("g"), row);
                    double beta = Values.at(call.tensor("beta"), row);
                    deltaStep(own, key("k", t, h), key("v", t, h), g, beta);
                    deltaStep(settled, key("k", t, h), key("v", t, h), g, softmaxed[t - first] ? 0 : beta);
                    double[] query = normal(q(t, h), "q_norm");
                    double[] sum = new double[values];
                    double divisor = 0;
                    for (int j = first; j <= t; j++) {
                        if (j >= start || softmaxed[j - first]) {
                            double s = Values.product(query, normal(key("k", j, h), "k_norm"));
                            double weight = Math.exp(s / Math.sqrt(query.length));
                            divisor += weight;
                            add(sum, weight, key("v", j, h));
                        }
                    }
                    double all = divisor;
                    double[] mix = softmax(Values.row(call.tensor("mix"), row, 2));
                    double[] held = normal(deltaRead(own, q(t, h), values), "delta_norm");
                    double[] seen = normal(Arrays.stream(sum).map(x -> x / all).toArray(), "softmax_norm");
                    store(t, h, heads(), held, mix[0]);
                    store(t, h, heads(), seen, mix[1]);
                }
            }
        }
    }

    private double[] normal(double[] x, String weight) {
        double norm = Math.sqrt(Values.product(x, x) / x.length + 1e-6);
        boolean given = call.tensors().containsKey(weight);
        return IntStream.range(0, x.length)
                .mapToDouble(d -> x[d] / norm * (given ? Values.at(call.tensor(weight), d) : 1))
                .toArray();
    }

    private void gam(int first, int end) {
        int channels = call.dim("x", 2);
        int slots = call.dim("bank", 0);
        int taps = call.dim("w", 1);
        for (int t = first; t < end; t++) {
            double[] x = Values.row(call.tensor("x"), t, channels);
            double[] scores = new double[slots];
            for (int s = 0; s < slots; s++) {
                scores[s] = Values.product(x, Values.row(call.tensor("bank"), s, channels));
            }
            double[] weights = softmax(scores);
            for (int c = 0; c < channels; c++) {
                double local = 0;
                for (int j = 0; j < taps; j++) {
                    int from = t - (taps - 1) + j;
                    if (from >= first) {
                        local += Values.at(call.tensor("w"), (long) c * taps + j)
                                * Values.at(call.tensor("x"), (long) from * channels + c);
                    }
                }
                double remembered = 0;
                for (int s = 0; s < slots; s++) {
                    remembered += weights[s] * Values.at(call.tensor("bank"), (long) s * channels + c);
                }
                int at = t * channels + c;
                o[at] = local / (1 + Math.exp(-Values.at(call.tensor("conv_gate"), at)))
                        + remembered / (1 + Math.exp(-Values.at(call.tensor("bank_gate"), at)));
            }
        }
    }
}
