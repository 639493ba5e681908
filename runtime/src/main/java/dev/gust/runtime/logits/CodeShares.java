package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupCodes;

/**
 * How the tokens and the tables of a code screen are shared among groups. Groups that have the same tokens and some of the tables
 * each fill local memory less often, but what they sum up has to be added by one more kernel.
 *
 * @param chunks groups that have different tokens
 * @param pieces groups that have the same tokens
 * @param parts work-items to a token
 */
record CodeShares(int chunks, int pieces, int parts) {
    /** Groups that a large GPU runs at a time: two to each multiprocessor. */
    private static final int GROUPS = 264;

    private static final int MOST_PIECES = 4;

    /** What filling local memory and adding up pieces take, in rounds in which each work-item looks up two blocks of a token. */
    private static final double FILL = 0.36;

    private static final double ADD = 1.5;

    static CodeShares of(int v, int slices) {
        CodeShares best = inPieces(v, 1);
        double least = rounds(v, slices, best);
        for (int pieces = 2; pieces <= Math.min(MOST_PIECES, slices); pieces *= 2) {
            CodeShares shares = inPieces(v, pieces);
            double rounds = rounds(v, slices, shares) + ADD;
            if (rounds < least) {
                best = shares;
                least = rounds;
            }
        }
        return best;
    }

    private static CodeShares inPieces(int v, int pieces) {
        int panels = Math.ceilDiv(v, 32);
        int groups = GROUPS / pieces;
        int waves = Math.ceilDiv(panels, groups * GroupCodes.MOST_PANELS);
        int share = Math.ceilDiv(panels, groups * waves);
        return new CodeShares(Math.min(panels, groups * waves), pieces, 2 * 32 * share <= GroupCodes.LOCAL ? 2 : 1);
    }

    private static double rounds(int v, int slices, CodeShares shares) {
        int share = Math.ceilDiv(Math.ceilDiv(v, 32), shares.chunks);
        double rounds = Math.ceilDiv(32 * share * shares.parts, GroupCodes.LOCAL) / (double) shares.parts;
        int waves = Math.ceilDiv(shares.chunks * shares.pieces, GROUPS);
        return waves * Math.ceilDiv(slices, shares.pieces) * (rounds + FILL);
    }
}
