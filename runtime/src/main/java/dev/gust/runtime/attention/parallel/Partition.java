package dev.gust.runtime.attention.parallel;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.Sequences;
import java.util.Arrays;

/**
 * Where a row of tokens is cut: rank r has the tokens from cut r to cut r + 1. Parts may be of different lengths, shorter than a
 * chunk, and empty.
 *
 * @param cuts [ranks + 1]; the first is 0, the last the number of tokens, and none is before another
 */
public record Partition(int... cuts) {
    /**
     * @throws UsageException if cuts fall, or do not begin at token 0
     */
    public Partition {
        cuts = cuts.clone();
        boolean rising = cuts.length > 1 && cuts[0] == 0;
        for (int i = 1; i < cuts.length; i++) {
            rising &= cuts[i] >= cuts[i - 1];
        }
        if (!rising) {
            throw new UsageException(
                    "cuts " + Arrays.toString(cuts) + " make no parts",
                    "give 0, … and the number of tokens, none falling");
        }
    }

    /** Parts of which none is more than a token longer than another. */
    public static Partition even(int tokens, int ranks) {
        int[] cuts = new int[ranks + 1];
        for (int r = 1; r <= ranks; r++) {
            cuts[r] = (int) ((long) tokens * r / ranks);
        }
        return new Partition(cuts);
    }

    @Override
    public int[] cuts() {
        return cuts.clone();
    }

    /** Parts. */
    public int ranks() {
        return cuts.length - 1;
    }

    /** Tokens of all of them. */
    public int tokens() {
        return cuts[cuts.length - 1];
    }

    /** First token of a part. */
    public int first(int rank) {
        return cuts[rank];
    }

    /** The token behind a part's last. */
    public int end(int rank) {
        return cuts[rank + 1];
    }

    /** What a rank has of these sequences. */
    public Part part(Sequences row, int rank) {
        return Part.of(row, cuts[rank], cuts[rank + 1]);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Partition that && Arrays.equals(cuts, that.cuts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(cuts);
    }

    @Override
    public String toString() {
        return "Partition" + Arrays.toString(cuts);
    }
}
