package dev.gust.kernels.attention;

/**
 * The levels of log-linear attention: as in a Fenwick tree, each bit that is set in a number of tokens stands for a block of
 * as many of them as the bit counts, and its state has the level one above the bit's number. A token itself is level 0.
 */
final class FenwickLevels {
    private FenwickLevels() {}

    /** The level at which the token at {@code position} sees {@code earlier}: 0 for itself. */
    static int level(int position, int earlier) {
        int rest = position ^ earlier;
        int level = 0;
        while (rest != 0) {
            rest = rest >> 1;
            level++;
        }
        return level;
    }

    /** The first token of the block of a level that is there after {@code tokens}. */
    static int first(int tokens, int level) {
        return ((tokens >> (level - 1)) ^ 1) << (level - 1);
    }
}
