package dev.gust.runtime.attention;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A call of ONNX's LinearAttention (opset 27) in ONNX's own convention: heads packed into the last dimension, as many
 * key and value heads as states and a multiple of them for queries, decays per head or per key channel.
 *
 * @param updateRule linear, gated, delta or gated_delta
 * @param query [B, T, qHeads · K]
 * @param key [B, T, kvHeads · K]
 * @param value [B, T, kvHeads · V]
 * @param pastState [B, kvHeads, K, V]
 * @param decay [B, T, kvHeads] or [B, T, kvHeads · K]; empty if the rule has none
 * @param beta [B, T, kvHeads] or [B, T, 1]; empty if the rule has none
 * @param scale 0 for 1/√K
 */
@SuppressWarnings("ArrayRecordComponent") // never compared, and a copy would be waste
record OnnxCall(
        String updateRule,
        int batch,
        int tokens,
        int qHeads,
        int kvHeads,
        int keySize,
        int valueSize,
        float[] query,
        float[] key,
        float[] value,
        Optional<float[]> pastState,
        float[] decay,
        float[] beta,
        double scale) {

    /** output [B, T, qHeads · V] and present_state [B, kvHeads, K, V]. */
    record Outputs(double[] output, double[] presentState) {}

    /** The operator's definition: states per key and value head, read by each query head of its group. */
    Outputs run() {
        double factor = scale == 0 ? 1 / Math.sqrt(keySize) : scale;
        double[] output = new double[batch * tokens * qHeads * valueSize];
        double[] present = new double[batch * kvHeads * keySize * valueSize];
        pastState.ifPresent(past -> {
            for (int i = 0; i < past.length; i++) {
                present[i] = past[i];
            }
        });
        int group = qHeads / kvHeads;
        for (int b = 0; b < batch; b++) {
            for (int t = 0; t < tokens; t++) {
                int token = b * tokens + t;
                for (int h = 0; h < kvHeads; h++) {
                    step(present, (b * kvHeads + h) * keySize * valueSize, token, h);
                }
                for (int h = 0; h < qHeads; h++) {
                    int state = (b * kvHeads + h / group) * keySize * valueSize;
                    for (int m = 0; m < valueSize; m++) {
                        double sum = 0;
                        for (int d = 0; d < keySize; d++) {
                            sum += query[(token * qHeads + h) * keySize + d] * present[state + d * valueSize + m];
                        }
                        output[(token * qHeads + h) * valueSize + m] = factor * sum;
                    }
                }
            }
        }
        return new Outputs(output, present);
    }

    private void step(double[] states, int state, int token, int h) {
        int keyAt = (token * kvHeads + h) * keySize;
        if (decay.length > 0) {
            boolean perHead = decay.length == batch * tokens * kvHeads;
            for (int i = 0; i < keySize * valueSize; i++) {
                states[state + i] *= Math.exp(perHead ? decay[token * kvHeads + h] : decay[keyAt + i / valueSize]);
            }
        }
        for (int m = 0; m < valueSize; m++) {
            double target = value[(token * kvHeads + h) * valueSize + m];
            if (beta.length > 0) {
                double retrieved = 0;
                for (int d = 0; d < keySize; d++) {
                    retrieved += key[keyAt + d] * states[state + d * valueSize + m];
                }
                boolean shared = beta.length == batch * tokens;
                target = beta[shared ? token : token * kvHeads + h] * (target - retrieved);
            }
            for (int d = 0; d < keySize; d++) {
                states[state + d * valueSize + m] += key[keyAt + d] * target;
            }
        }
    }

    /**
     * The same call in this project's convention: packing is the same row-major order, and each query head gets a value
     * head of its own, so that key and value heads are repeated.
     */
    AttentionCase toCase() {
        int group = qHeads / kvHeads;
        int rows = batch * tokens;
        boolean perHead = decay.length == rows * kvHeads;
        Map<String, float[]> tensors = new HashMap<>();
        tensors.put("q", query);
        tensors.put("k", repeated(key, keySize, group));
        tensors.put("v", repeated(value, valueSize, group));
        if (decay.length > 0) {
            tensors.put("g", repeated(decay, perHead ? 1 : keySize, group));
        }
        if (beta.length > 0) {
            boolean shared = beta.length == rows;
            tensors.put("beta", repeated(beta, 1, shared ? qHeads : group));
        }
        pastState.ifPresent(past -> tensors.put("initial_state", repeated(past, keySize * valueSize, group)));
        String rule = switch (updateRule) {
            case "linear" -> "linear";
            case "gated" -> perHead ? "simple-gla" : "gla";
            case "delta" -> "delta";
            default -> perHead ? "gated-delta" : "kda";
        };
        return new AttentionCase(
                rule,
                new CaseShape(batch, tokens, qHeads, qHeads, keySize, valueSize, List.of()),
                scale == 0 ? 1 / Math.sqrt(keySize) : scale,
                false,
                AttentionCase.Heads.INTERLEAVED,
                tensors,
                Map.of());
    }

    /** The result in ONNX's convention: states of a group are alike, and its first one is the group's. */
    Outputs fromResult(OracleResult result) {
        int group = qHeads / kvHeads;
        int size = keySize * valueSize;
        double[] present = new double[batch * kvHeads * size];
        for (int i = 0; i < batch * kvHeads; i++) {
            System.arraycopy(result.finalState(), i * group * size, present, i * size, size);
        }
        return new Outputs(result.o(), present);
    }

    private static float[] repeated(float[] values, int size, int times) {
        float[] all = new float[values.length * times];
        for (int i = 0; i < all.length; i++) {
            all[i] = values[i / size / times * size + i % size];
        }
        return all;
    }
}
