package dev.gust.runtime.catalog;

import java.util.List;

/**
 * An operator.
 *
 * @param name as {@code gust op} takes it
 * @param summary what it computes
 * @param inputs its tensors
 * @param outputs its results
 * @param attributes what {@code --set} takes
 * @param variants its forms
 */
public record OperatorEntry(
        String name,
        String summary,
        String inputs,
        String outputs,
        List<Attribute> attributes,
        List<Variant> variants) {
    /**
     * Something that can be set.
     *
     * @param key its name
     * @param values what it takes, with the default first
     * @param meaning what it does
     */
    public record Attribute(String key, String values, String meaning) {}

    public OperatorEntry {
        attributes = List.copyOf(attributes);
        variants = List.copyOf(variants);
    }
}
