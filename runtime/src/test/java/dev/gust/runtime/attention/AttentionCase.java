package dev.gust.runtime.attention;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A call of linear attention as a test makes it.
 *
 * @param rule as the command line names it; besides its names: hgrn2, lightnet, delta-neg-eig, online-scaled-delta,
 *     rwkv7, log-linear, hgrn, dlr and lssl
 * @param scale what o is multiplied by
 * @param qkL2norm whether q and k (and comba's p) are normalised first
 * @param map which q and k head a value head reads
 * @param tensors by the command line's names and layouts; {@code initial_state} and what else a rule carries
 *     ({@code initial_z}, {@code initial_m}, …) among them
 * @param attributes by the command line's names
 */
public record AttentionCase(
        String rule,
        CaseShape shape,
        double scale,
        boolean qkL2norm,
        Heads map,
        Map<String, float[]> tensors,
        Map<String, String> attributes) {

    /** Which q and k head a value head reads, where there are more of those. */
    public enum Heads {
        /** FLA and ONNX: value head / (HV / H). */
        INTERLEAVED,
        /** ggml: value head mod H. */
        TILED;

        public int of(int valueHead, int heads, int valueHeads) {
            return this == TILED ? valueHead % heads : valueHead / (valueHeads / heads);
        }
    }

    public AttentionCase {
        tensors = Map.copyOf(tensors);
        attributes = Map.copyOf(attributes);
    }

    /** The tensor of that name. */
    public float[] tensor(String name) {
        float[] tensor = tensors.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(rule + " needs a tensor '" + name + "'");
        }
        return tensor;
    }

    /** The state before the first token, [N, HV, K, V]. */
    public Optional<float[]> initialState() {
        return Optional.ofNullable(tensors.get("initial_state"));
    }

    public String attribute(String name, String otherwise) {
        return attributes.getOrDefault(name, otherwise);
    }

    public AttentionCase withRule(String other) {
        return new AttentionCase(other, shape, scale, qkL2norm, map, tensors, attributes);
    }

    public AttentionCase withMap(Heads other) {
        return new AttentionCase(rule, shape, scale, qkL2norm, other, tensors, attributes);
    }

    public AttentionCase withScale(double other) {
        return new AttentionCase(rule, shape, other, qkL2norm, map, tensors, attributes);
    }

    /** This case with one tensor more, or another in its place. */
    public AttentionCase with(String name, float[] tensor) {
        Map<String, float[]> changed = new HashMap<>(tensors);
        changed.put(name, tensor);
        return new AttentionCase(rule, shape, scale, qkL2norm, map, changed, attributes);
    }

    /** This case without a tensor. */
    public AttentionCase without(String name) {
        Map<String, float[]> changed = new HashMap<>(tensors);
        changed.remove(name);
        return withTensors(changed);
    }

    public AttentionCase withTensors(Map<String, float[]> all) {
        return new AttentionCase(rule, shape, scale, qkL2norm, map, all, attributes);
    }

    /** This case with one attribute more, or another value of it. */
    public AttentionCase withAttribute(String name, String value) {
        Map<String, String> changed = new HashMap<>(attributes);
        changed.put(name, value);
        return new AttentionCase(rule, shape, scale, qkL2norm, map, tensors, changed);
    }

    @Override
    public String toString() {
        return rule + " " + shape + (attributes.isEmpty() ? "" : " " + attributes);
    }
}
