package dev.gust.runtime.attention;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * A call of ggml's GATED_DELTA_NET in ggml's own convention: value head h reads head h mod H, states are stored
 * transposed, one buffer takes the outputs and then the last states. Sizes below are outermost first.
 *
 * @param size of keys and values alike
 * @param q [seqs, tokens, heads, size]
 * @param k as q
 * @param v [seqs, tokens, valueHeads, size]
 * @param g natural logs of decays, [seqs, tokens, valueHeads, 1], or [.., size] for a decay per key channel
 * @param beta [seqs, tokens, valueHeads, 1]
 * @param state [seqs, valueHeads, size of values, size of keys]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and a copy would be waste
record GgmlCall(
        int seqs,
        int tokens,
        int heads,
        int valueHeads,
        int size,
        float[] q,
        float[] k,
        float[] v,
        float[] g,
        float[] beta,
        float[] state) {

    /** The operator's definition, into its buffer: outputs as v, then states as they came. */
    double[] run() {
        return run(1);
    }

    /** The same with the states behind the last tokens, the last one's first; NaN where there are not so many tokens. */
    double[] run(int snapshots) {
        int outputs = seqs * tokens * valueHeads * size;
        double[] buffer = new double[outputs + snapshots * state.length];
        Arrays.fill(buffer, outputs + state.length, buffer.length, Double.NaN);
        for (int i = 0; i < state.length; i++) {
            buffer[outputs + i] = state[i];
        }
        for (int row = 0; row < seqs * tokens * valueHeads; row++) {
            int h = row % valueHeads;
            int token = row / valueHeads;
            int keyAt = (token * heads + h % heads) * size;
            int stateAt = outputs + (token / tokens * valueHeads + h) * size * size;
            for (int j = 0; j < size; j++) {
                step(buffer, stateAt + j * size, row, keyAt, j);
            }
            int behind = tokens - 1 - token % tokens;
            if (behind > 0 && behind < snapshots) {
                System.arraycopy(buffer, stateAt, buffer, stateAt + behind * state.length, size * size);
            }
        }
        return buffer;
    }

    /** One value channel: a row of the transposed state. */
    private void step(double[] buffer, int at, int row, int keyAt, int j) {
        boolean perChannel = g.length != beta.length;
        double held = 0;
        for (int i = 0; i < size; i++) {
            buffer[at + i] *= Math.exp(perChannel ? g[row * size + i] : g[row]);
            held += buffer[at + i] * k[keyAt + i];
        }
        double error = beta[row] * (v[row * size + j] - held);
        double sum = 0;
        for (int i = 0; i < size; i++) {
            buffer[at + i] += k[keyAt + i] * error;
            sum += buffer[at + i] * q[keyAt + i];
        }
        buffer[row * size + j] = sum / Math.sqrt(size);
    }

    /** The same call in this project's convention. */
    AttentionCase toCase() {
        Map<String, float[]> tensors = new HashMap<>();
        tensors.put("q", q);
        tensors.put("k", k);
        tensors.put("v", v);
        tensors.put("g", g);
        tensors.put("beta", beta);
        float[] keyFirst = new float[state.length];
        for (int i = 0; i < keyFirst.length; i++) {
            keyFirst[i] = state[transposed(i)];
        }
        tensors.put("initial_state", keyFirst);
        return new AttentionCase(
                g.length == beta.length ? "gated-delta" : "kda",
                CaseShape.grouped(seqs, tokens, heads, valueHeads, size),
                1 / Math.sqrt(size),
                false,
                AttentionCase.Heads.TILED,
                tensors,
                Map.of());
    }

    /** The result in ggml's buffer. */
    double[] fromResult(OracleResult result) {
        int outputs = result.o().length;
        double[] buffer = new double[outputs + state.length];
        System.arraycopy(result.o(), 0, buffer, 0, outputs);
        for (int i = 0; i < state.length; i++) {
            buffer[outputs + i] = result.finalState()[transposed(i)];
        }
        return buffer;
    }

    private int transposed(int i) {
        int matrix = i / (size * size);
        return (matrix * size + i % size) * size + i / size % size;
    }
}
