package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * The inputs of a delta step in float64, and the weights of the scalar that is differentiated: Σ dO ∘ o + Σ dFinal ∘ S.
 *
 * @param inputs by the names of {@link DeltaOperands}, and {@code initial} [N, HV, K, V]
 * @param dO [tokens, HV, V]
 * @param dFinal [N, HV, K, V]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record DeltaValues(
        DeltaStep step,
        DeltaSizes sizes,
        Sequences sequences,
        Map<String, double[]> inputs,
        double[] dO,
        double[] dFinal) {
    /** Random float32 values. */
    static DeltaValues draw(DeltaConformance.Case c, long seed) {
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        DeltaSizes sizes = c.sizes();
        DeltaStep step = c.step();
        int tokens = c.sequences().tokens();
        Map<String, double[]> inputs = new LinkedHashMap<>();
        inputs.put("q", gaussian(random, sizes.queryElements(tokens), 1));
        // A key that erases something else than what is written lets states grow without bound.
        boolean byErase = step.normalize() == Normalize.BY_ERASE_KEY;
        inputs.put("k", gaussian(random, sizes.keyElements(tokens), byErase ? 0.1 : 1));
        inputs.put("e", gaussian(random, sizes.eraseElements(step, tokens), byErase ? 1 : 0.1));
        inputs.put("v", gaussian(random, sizes.valueElements(tokens), 1));
        inputs.put("beta", uniform(random, step.beta() ? sizes.betaElements(tokens) : 0, 0, 1));
        inputs.put("g", uniform(random, sizes.decayElements(step.decay(), tokens), c.gates(), 0));
        inputs.put("initial", gaussian(random, sizes.stateElements(c.sequences().count()), 1));
        return new DeltaValues(
                step,
                sizes,
                c.sequences(),
                inputs,
                gaussian(random, sizes.valueElements(tokens), 1),
                gaussian(random, sizes.stateElements(c.sequences().count()), 1));
    }

    double[] input(String name) {
        double[] values = inputs.get(name);
        if (values == null) {
            throw new IllegalArgumentException("no input " + name);
        }
        return values;
    }

    /** A vector of a head, divided by its length, or another's, if the step does that. */
    double[] row(String name, int token, int valueHead) {
        double[] row = raw(name, token, valueHead);
        double[] by = raw(measured(name), token, valueHead);
        return divides(name) ? Dense.times(1 / Math.sqrt(Dense.dot(by, by) + 1e-6), row) : row;
    }

    boolean divides(String name) {
        return name.equals("q")
                ? step.normalize() != Normalize.NONE
                : step.normalize().keys();
    }

    /** Whose length a vector is divided by. */
    String measured(String name) {
        return switch (step.normalize()) {
            case NONE, QUERY, EACH -> name;
            case BY_WRITE_KEY -> name.equals("e") ? "k" : name;
            case BY_ERASE_KEY -> name.equals("k") ? "e" : name;
        };
    }

    double[] raw(String name, int token, int valueHead) {
        double[] row = new double[sizes.keyDim()];
        System.arraycopy(input(name), at(name, token, valueHead), row, 0, row.length);
        return row;
    }

    /** Where a vector begins. */
    int at(String name, int token, int valueHead) {
        int heads = heads(name);
        return (token * heads + sizes.headMap().head(valueHead, sizes.valueHeads(), heads)) * sizes.keyDim();
    }

    /** The key of the bonus. */
    double[] bonusKey(int token, int valueHead) {
        return step.read() == Read.BONUS ? row("e", token, valueHead) : new double[sizes.keyDim()];
    }

    /** The key that erases. */
    double[] eraseKey(int token, int valueHead) {
        return switch (step.erase()) {
            case NONE -> new double[sizes.keyDim()];
            case WRITE_KEY -> row("k", token, valueHead);
            case OWN_KEY -> row("e", token, valueHead);
        };
    }

    int heads(String name) {
        return switch (name) {
            case "q" -> sizes.queryHeads();
            case "k" -> sizes.keyHeads();
            case "e" -> sizes.eraseHeads();
            default -> throw new IllegalArgumentException(name);
        };
    }

    double beta(int token, int head) {
        return step.beta() ? input("beta")[token * sizes.valueHeads() + head] : 1;
    }

    /** Where the log decay of a channel is; −1 if there is none. */
    int decayIndex(int token, int head, int channel) {
        int line = token * sizes.valueHeads() + head;
        return switch (step.decay()) {
            case NONE -> -1;
            case HEAD -> head;
            case TOKEN -> line;
            case CHANNEL -> line * sizes.keyDim() + channel;
        };
    }

    double decay(int token, int head, int channel) {
        int at = decayIndex(token, head, channel);
        return at < 0 ? 1 : Math.exp(input("g")[at]);
    }

    /** The scalar, by the step's equations. */
    double loss() {
        int keyDim = sizes.keyDim();
        int valueDim = sizes.valueDim();
        double loss = 0;
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < sizes.valueHeads(); h++) {
                double[][] s = state(n, h);
                for (int t = sequences.first(n); t < sequences.end(n); t++) {
                    double[] q = Dense.times(step.scale(), row("q", t, h));
                    double[] read = Dense.read(s, q);
                    for (int d = 0; d < keyDim; d++) {
                        s[d] = Dense.times(decay(t, h, d), s[d]);
                    }
                    int at = (t * sizes.valueHeads() + h) * valueDim;
                    double[] v = new double[valueDim];
                    System.arraycopy(input("v"), at, v, 0, valueDim);
                    double[] error = Dense.minus(v, Dense.read(s, eraseKey(t, h)));
                    double[] written = Dense.times(beta(t, h), error);
                    Dense.addOuter(s, row("k", t, h), written);
                    if (!step.readsBefore()) {
                        read = Dense.read(s, q);
                    }
                    double bonus = Dense.dot(q, bonusKey(t, h));
                    for (int c = 0; c < valueDim; c++) {
                        loss += dO[at + c] * (read[c] + bonus * written[c]);
                    }
                }
                for (int i = 0; i < keyDim * valueDim; i++) {
                    loss += dFinal[(n * sizes.valueHeads() + h) * keyDim * valueDim + i]
                            * s[i / valueDim][i % valueDim];
                }
            }
        }
        return loss;
    }

    /** A head's state before its first token. */
    double[][] state(int sequence, int head) {
        return matrix(input("initial"), sequence, head);
    }

    double[][] matrix(double[] states, int sequence, int head) {
        double[][] s = new double[sizes.keyDim()][sizes.valueDim()];
        int at = (sequence * sizes.valueHeads() + head) * sizes.keyDim() * sizes.valueDim();
        for (int d = 0; d < s.length; d++) {
            System.arraycopy(states, at + d * sizes.valueDim(), s[d], 0, sizes.valueDim());
        }
        return s;
    }

    /** The gradient of an input by central differences. */
    double[] differences(String name, double width) {
        double[] x = input(name);
        double[] gradient = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            double was = x[i];
            x[i] = was + width;
            double above = loss();
            x[i] = was - width;
            gradient[i] = (above - loss()) / (2 * width);
            x[i] = was;
        }
        return gradient;
    }

    /** Names of the inputs that this step has. */
    Iterable<String> names() {
        return inputs.keySet().stream()
                .filter(name -> input(name).length > 0)
                .filter(name -> !name.equals("e") || step.ownKey())::iterator;
    }

    private static double[] gaussian(RandomGenerator random, long count, double factor) {
        double[] x = new double[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (factor * random.nextGaussian());
        }
        return x;
    }

    private static double[] uniform(RandomGenerator random, long count, double from, double to) {
        double[] x = new double[Math.toIntExact(count)];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextDouble(from, to);
        }
        return x;
    }
}
