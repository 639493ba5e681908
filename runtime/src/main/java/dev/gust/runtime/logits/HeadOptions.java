package dev.gust.runtime.logits;

import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Optional;

/**
 * How to find tokens where there is a choice.
 *
 * @param search what to do with the screen
 * @param rerank tokens that are multiplied exactly after a screen, at least the k that are asked for; 0 for what the file
 *     says, or {@link #RERANK}
 * @param probes clusters that are searched, more where these hold fewer than k tokens; 0 for what the file says, or
 *     {@link #PROBES}
 * @param special tokens that are always multiplied exactly, such as the end of a text
 * @param threads threads of the jvm device; 0 for one to each processor
 * @param style the kernels to use instead of those that suit the device
 */
public record HeadOptions(
        Search search, int rerank, int probes, List<Integer> special, int threads, Optional<KernelStyle> style) {
    /** What suits most. */
    public static final HeadOptions DEFAULT = new HeadOptions(Search.SCREEN, 0, 0, List.of(), 0, Optional.empty());

    /** Tokens that are multiplied exactly unless something else is said. */
    public static final int RERANK = 32;

    /** Clusters that are searched unless something else is said. */
    public static final int PROBES = 16;

    /** What to do with a head's screen. */
    public enum Search {
        /** Screen, then multiply the best tokens exactly; clusters are probed. */
        SCREEN,
        /** Only the centroids count: all tokens of a cluster have its logit (VQ-Logits, arXiv 2505.10202). */
        CODEBOOK,
        /** Leave the screen alone and multiply every row. */
        EXACT
    }

    public HeadOptions {
        if (rerank < 0 || probes < 0 || threads < 0) {
            throw new IllegalArgumentException("rerank " + rerank + ", probes " + probes + ", threads " + threads);
        }
        special = List.copyOf(special);
    }

    public HeadOptions with(Search wanted) {
        return new HeadOptions(wanted, rerank, probes, special, threads, style);
    }

    public HeadOptions withRerank(int count) {
        return new HeadOptions(search, count, probes, special, threads, style);
    }

    public HeadOptions withProbes(int count) {
        return new HeadOptions(search, rerank, count, special, threads, style);
    }

    public HeadOptions withSpecial(List<Integer> tokens) {
        return new HeadOptions(search, rerank, probes, tokens, threads, style);
    }

    public HeadOptions withThreads(int count) {
        return new HeadOptions(search, rerank, probes, special, count, style);
    }

    public HeadOptions withStyle(KernelStyle wanted) {
        return new HeadOptions(search, rerank, probes, special, threads, Optional.of(wanted));
    }
}
