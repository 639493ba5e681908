package dev.gust.runtime.vision;

import dev.gust.kernels.vision.VisionCode;
import java.util.Arrays;
import java.util.Optional;

/**
 * What a head's queries read.
 *
 * @param state S [F, D], rows padded to whole vectors, and rows of zeros up to a whole number of blocks
 * @param keyMeans k̄
 * @param valueMeans v̄
 * @param landmarks of SOFT [m, D]; empty elsewhere
 */
record HeadState(float[] state, float[] keyMeans, float[] valueMeans, float[] landmarks) {
    /** Reads all keys and values of a head. */
    static HeadState of(TokenBlock block, VisionInputs inputs, Optional<TokenBlock.Angles> angles, long head) {
        VisionAttention attention = block.attention();
        VisionRule rule = attention.rule();
        int tokens = attention.shape().tokens();
        var result = new HeadState(
                new float[block.featureStride * block.stride],
                new float[block.featureStride],
                new float[block.stride],
                new float[0]);
        float[] weights = rule == VisionRule.RALA ? tokenWeights(block, inputs, head) : new float[0];
        for (int first = 0; first < tokens; first += TokenBlock.TOKENS) {
            int present = block.count(first);
            block.fetch(inputs.k(), head, first, block.rows);
            block.fetch(inputs.v(), head, first, block.values);
            block.makeFeatures(rule.keyCode(), first);
            for (int t = 0; t < present; t++) {
                int at = t * block.featureStride;
                // Before they are added, so that no sum is larger than a term.
                float share = 1f / tokens;
                VisionLoops.addScaled(block.values, t * block.stride, block.stride, share, result.valueMeans);
                if (weights.length > 0) {
                    share *= weights[first + t];
                } else if (inputs.gates().isPresent()) {
                    VisionInputs.Gates gates = inputs.gates().get();
                    share *= block.weight(gates.key(), head, first + t);
                    float value = block.weight(gates.value(), head, first + t);
                    VisionLoops.scale(block.values, t * block.stride, block.stride, value);
                }
                VisionLoops.scale(block.features, at, block.featureStride, share);
                VisionLoops.addScaled(block.features, at, block.featureStride, 1, result.keyMeans);
            }
            block.turn(angles, first);
            result.add(block, block.turned, present);
        }
        return result;
    }

    /** Adds φ(k)vᵀ of a block's tokens. */
    void add(TokenBlock block, float[] keys, int present) {
        VisionLoops.multiply(
                keys, 1, block.featureStride, block.featureStride, present, block.values, block.stride, state);
    }

    /** RALA's weights: N · softmax over tokens of φ(k)·q̄/√D. */
    private static float[] tokenWeights(TokenBlock block, VisionInputs inputs, long head) {
        int tokens = block.attention().shape().tokens();
        float[] means = new float[block.featureStride];
        for (int first = 0; first < tokens; first += TokenBlock.TOKENS) {
            block.fetch(inputs.q(), head, first, block.rows);
            block.makeFeatures(VisionCode.ELU1, first);
            for (int t = 0; t < block.count(first); t++) {
                VisionLoops.addScaled(block.features, t * block.featureStride, block.featureStride, 1f / tokens, means);
            }
        }
        float scale = VisionRule.RALA.scale(block.attention().shape());
        float[] weights = new float[tokens];
        float most = Float.NEGATIVE_INFINITY;
        for (int first = 0; first < tokens; first += TokenBlock.TOKENS) {
            block.fetch(inputs.k(), head, first, block.rows);
            block.makeFeatures(VisionCode.ELU1, first);
            for (int t = 0; t < block.count(first); t++) {
                float logit = scale
                        * VisionLoops.product(block.features, t * block.featureStride, means, 0, block.featureStride);
                weights[first + t] = logit;
                most = Math.max(most, logit);
            }
        }
        double sum = 0;
        for (int n = 0; n < tokens; n++) {
            weights[n] = (float) Math.exp(weights[n] - most);
            sum += weights[n];
        }
        for (int n = 0; n < tokens; n++) {
            weights[n] *= (float) (tokens / sum);
        }
        return weights;
    }

    /** Reads the queries in the block's rows: o of each in the block's values. */
    void read(TokenBlock block, Optional<TokenBlock.Angles> angles, int first) {
        VisionAttention attention = block.attention();
        VisionRule rule = attention.rule();
        if (rule == VisionRule.SOFT) {
            Landmarks.features(block, landmarks, first);
        } else {
            block.makeFeatures(rule.queryCode(), first);
            block.turn(angles, first);
        }
        Arrays.fill(block.values, 0);
        VisionLoops.multiply(
                block.turned,
                block.featureStride,
                1,
                TokenBlock.TOKENS,
                block.featureStride,
                state,
                block.stride,
                block.values);
        if (rule.kind() != VisionCode.PLAIN) {
            for (int t = 0; t < block.count(first); t++) {
                finish(block, t);
            }
        }
    }

    private void finish(TokenBlock block, int t) {
        VisionRule rule = block.attention().rule();
        VisionShape shape = block.attention().shape();
        float similarity =
                VisionLoops.product(block.features, t * block.featureStride, keyMeans, 0, block.featureStride);
        float scale = rule.scale(shape);
        float eps = rule.eps(shape);
        float factor = switch (rule.kind()) {
            case VisionCode.NORMALISED -> 1 / (similarity + eps);
            case VisionCode.MAGNITUDE -> scale * (1 + 1 / (scale * similarity + eps));
            default -> scale;
        };
        float mean = switch (rule.kind()) {
            case VisionCode.MAGNITUDE -> -scale * similarity;
            case VisionCode.INJECTIVE -> 1 - scale * similarity;
            default -> 0;
        };
        VisionLoops.mix(block.values, t * block.stride, block.stride, factor, valueMeans, mean);
    }
}
