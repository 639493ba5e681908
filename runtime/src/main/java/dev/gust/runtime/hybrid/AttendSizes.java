package dev.gust.runtime.hybrid;

import dev.gust.formats.InputException;

/**
 * Sizes of attention, the most of a call.
 *
 * @param queries rows of q [queries, H, D]
 * @param keys rows of k [keys, KEY_HEADS, D] and v [keys, KEY_HEADS, V]
 * @param heads H
 * @param keyHeads KEY_HEADS, of which H is a multiple
 * @param width D
 * @param values V
 */
public record AttendSizes(int queries, int keys, int heads, int keyHeads, int width, int values) {
    /** Wider heads are none that anyone uses; a work-item of a tuned kernel keeps a sixteenth of a value. */
    private static final int WIDEST = 1024;

    /**
     * @throws InputException if they do not fit together
     */
    public AttendSizes {
        if (queries < 0 || keys < 0 || heads < 1 || keyHeads < 1 || heads % keyHeads != 0) {
            throw InputException.of(
                    SoftmaxAttention.NAME,
                    heads + " heads of q for " + keyHeads + " of k and v",
                    "give q [B,T,H,D] with H a multiple of the heads of k and v");
        }
        if (width < 1 || values < 1 || width > WIDEST || values > WIDEST) {
            throw InputException.of(
                    SoftmaxAttention.NAME,
                    "heads of " + width + " and " + values + " numbers",
                    "give them 1 … " + WIDEST);
        }
    }

    /** As many keys as queries. */
    public static AttendSizes of(int tokens, int heads, int keyHeads, int width, int values) {
        return new AttendSizes(tokens, tokens, heads, keyHeads, width, values);
    }

    /** Floats of the largest tensor. */
    long widest() {
        long most = Math.max(width, values);
        return Math.max((long) queries * heads * most, (long) keys * keyHeads * most);
    }
}
