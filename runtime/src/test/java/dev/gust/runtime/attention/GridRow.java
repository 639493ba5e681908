package dev.gust.runtime.attention;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * One row of a grid: everything of a case but its random values, which {@link CaseInputs} draws.
 *
 * @param scale what o is multiplied by; 1/√K if empty
 * @param initialState whether there is a state before the first token
 */
public record GridRow(
        String rule,
        CaseShape shape,
        CaseGates gates,
        OptionalDouble scale,
        boolean qkL2norm,
        AttentionCase.Heads map,
        boolean initialState,
        Map<String, String> attributes) {
    public GridRow {
        attributes = Map.copyOf(attributes);
    }

    /** A rule's defaults; with an initial state, where the rule takes one as [N, HV, K, V]. */
    public static GridRow of(String rule, CaseShape shape) {
        return new GridRow(
                rule,
                shape,
                CaseGates.USUAL,
                OptionalDouble.empty(),
                false,
                AttentionCase.Heads.INTERLEAVED,
                !rule.equals("log-linear"),
                Map.of());
    }

    public GridRow with(CaseShape other) {
        return new GridRow(rule, other, gates, scale, qkL2norm, map, initialState, attributes);
    }

    public GridRow with(CaseGates other) {
        return new GridRow(rule, shape, other, scale, qkL2norm, map, initialState, attributes);
    }

    public GridRow withScale(double other) {
        return new GridRow(rule, shape, gates, OptionalDouble.of(other), qkL2norm, map, initialState, attributes);
    }

    public GridRow withL2norm() {
        return new GridRow(rule, shape, gates, scale, true, map, initialState, attributes);
    }

    public GridRow with(AttentionCase.Heads other) {
        return new GridRow(rule, shape, gates, scale, qkL2norm, other, initialState, attributes);
    }

    public GridRow withoutInitialState() {
        return new GridRow(rule, shape, gates, scale, qkL2norm, map, false, attributes);
    }

    public GridRow with(String name, String value) {
        Map<String, String> changed = new HashMap<>(attributes);
        changed.put(name, value);
        return new GridRow(rule, shape, gates, scale, qkL2norm, map, initialState, changed);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(rule).append(' ').append(shape);
        if (!gates.equals(CaseGates.USUAL)) {
            text.append(' ').append(gates.kind()).append('/').append(gates.normaliser());
            text.append(gates.maskP() > 0 ? " mask " + gates.maskP() : "");
        }
        scale.ifPresent(s -> text.append(" scale ").append(s));
        text.append(qkL2norm ? " l2norm" : "");
        text.append(map == AttentionCase.Heads.TILED ? " tiled" : "");
        text.append(initialState ? "" : " from zero");
        return text.append(attributes.isEmpty() ? "" : " " + attributes).toString();
    }
}
