package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import java.util.Map;

/**
 * What a rule is told when a plan is made.
 *
 * @param attributes as {@code --set} gives them
 * @param sizes of what users see
 * @param scale multiplies q
 * @param unit whether q and k are divided by their lengths
 * @param headMap which head of q and k a value head uses
 * @param decay what g is, for rules where it may be left out or have two shapes
 */
record RuleSettings(
        Map<String, String> attributes, AttentionSizes sizes, float scale, boolean unit, HeadMap headMap, Decay decay) {
    /** An attribute that is true or false. */
    boolean flag(String key, boolean otherwise) {
        String value = attributes.getOrDefault(key, String.valueOf(otherwise));
        return switch (value) {
            case "true" -> true;
            case "false" -> false;
            default -> throw new UsageException("attribute " + key + " is '" + value + "'", "set it to true or false");
        };
    }

    /** An attribute that is one of some words, the first if it is not set. */
    String word(String key, String... words) {
        String value = attributes.getOrDefault(key, words[0]);
        for (String word : words) {
            if (word.equals(value)) {
                return value;
            }
        }
        throw new UsageException("attribute " + key + " is '" + value + "'", "set it to " + String.join(" or ", words));
    }

    /** An attribute that is a whole number. */
    int number(String key, int otherwise, int least, int most) {
        String value = attributes.getOrDefault(key, String.valueOf(otherwise));
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException(
                "attribute " + key + " is '" + value + "'", "set a whole number from " + least + " to " + most);
    }

    /** An attribute that is a finite number. */
    float real(String key, double otherwise) {
        String value = attributes.getOrDefault(key, String.valueOf(otherwise));
        try {
            float number = Float.parseFloat(value);
            if (Float.isFinite(number)) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException("attribute " + key + " is '" + value + "'", "set a number");
    }

    /** Sizes of a delta step where q and all keys have the heads that users give them. */
    DeltaSizes deltaSizes() {
        return DeltaSizes.of(
                sizes.tokens(),
                sizes.sequences(),
                sizes.heads(),
                sizes.valueHeads(),
                sizes.keyDim(),
                sizes.valueDim(),
                headMap);
    }

    /** The head of q and k that a value head uses. */
    int head(int valueHead) {
        return headMap.head(valueHead, sizes.valueHeads(), sizes.heads());
    }
}
