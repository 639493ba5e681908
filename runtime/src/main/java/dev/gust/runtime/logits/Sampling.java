package dev.gust.runtime.logits;

import dev.gust.formats.UsageException;

/**
 * How a token is drawn.
 *
 * @param temperature logits are divided by it; 0 takes the token of highest logit
 * @param topK only the so many tokens of highest logit count; 0 for all
 * @param topP of those, in descending order, only the fewest whose probabilities sum to this at least; 1 for all
 * @param seed of the generator: the same seed, head, device and hidden states give the same tokens
 */
public record Sampling(double temperature, int topK, double topP, long seed) {
    public Sampling {
        if (!(temperature >= 0) || temperature == Double.POSITIVE_INFINITY || topK < 0 || !(topP > 0 && topP <= 1)) {
            throw new UsageException(
                    "temperature " + temperature + ", top-k " + topK + " and top-p " + topP + " are no sampling",
                    "take a temperature from 0, a top-k from 0 and a top-p above 0 and up to 1");
        }
    }

    /** All tokens at temperature 1. */
    public static Sampling of(long seed) {
        return new Sampling(1, 0, 1, seed);
    }
}
