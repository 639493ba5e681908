package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import java.util.Arrays;

/**
 * Where sequences begin and end in a row of tokens.
 *
 * @param offsets [N + 1] first tokens, and the end of the last; not falling, the first 0. Empty sequences are allowed: they
 *     leave their state as it is
 */
public record Sequences(int... offsets) {
    private static final String CU_SEQLENS = "cu_seqlens";

    public Sequences {
        offsets = offsets.clone();
        if (offsets.length < 1 || offsets[0] != 0) {
            throw InputException.ofTensor(
                    "sequences", CU_SEQLENS, "does not begin at token 0", "give offsets 0, …, tokens");
        }
        for (int i = 1; i < offsets.length; i++) {
            if (offsets[i] < offsets[i - 1]) {
                throw InputException.ofTensor(
                        "sequences",
                        CU_SEQLENS,
                        "has sequence " + (i - 1) + " end at token " + offsets[i] + ", before it begins at "
                                + offsets[i - 1],
                        "give offsets that do not fall");
            }
        }
    }

    /** {@code batch} sequences of {@code tokens} tokens each. */
    public static Sequences of(int batch, int tokens) {
        int[] offsets = new int[batch + 1];
        for (int i = 1; i <= batch; i++) {
            offsets[i] = Math.multiplyExact(i, tokens);
        }
        return new Sequences(offsets);
    }

    /** What of each sequence lies from one token up to another; the others are empty. */
    Sequences slice(int from, int to) {
        int[] parts = new int[offsets.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = Math.clamp(offsets[i], from, to) - from;
        }
        return new Sequences(parts);
    }

    @Override
    public int[] offsets() {
        return offsets.clone();
    }

    /** N. */
    public int count() {
        return offsets.length - 1;
    }

    /** Tokens of all of them. */
    public int tokens() {
        return offsets[offsets.length - 1];
    }

    public int first(int sequence) {
        return offsets[sequence];
    }

    public int end(int sequence) {
        return offsets[sequence + 1];
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Sequences that && Arrays.equals(offsets, that.offsets);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(offsets);
    }

    @Override
    public String toString() {
        return "Sequences" + Arrays.toString(offsets);
    }
}
