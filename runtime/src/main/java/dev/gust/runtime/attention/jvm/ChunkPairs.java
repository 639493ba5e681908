package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import java.util.Arrays;

/** What a block's tokens have to do with each other, whatever the state is. */
abstract sealed class ChunkPairs permits TokenPairs, ChannelPairs {
    /** −beta_i A_ij, [TOKENS, TOKENS]. */
    final float[] erased = new float[TOKENS * TOKENS];

    /** P_ij, likewise. */
    final float[] read = new float[TOKENS * TOKENS];

    /** k ∘ F_C, transposed: [K, TOKENS]. */
    final float[] keys;

    /** F_C [K]. */
    final float[] decay;

    ChunkPairs(Panels panels) {
        int length = Panels.roundUp(panels.rows(), Panels.LANES);
        keys = new float[length * TOKENS];
        decay = new float[length];
    }

    /** Finds them, and multiplies into the block's queries F, into its erase keys −beta F. */
    abstract void prepare(TokenBlock block);

    float[] erased() {
        return erased;
    }

    float[] read() {
        return read;
    }

    float[] keys() {
        return keys;
    }

    float[] decay() {
        return decay;
    }

    /** Transposes the block's keys. */
    final void transposeKeys(TokenBlock block) {
        for (int j = 0; j < TOKENS; j++) {
            scatter(block.k, j * block.pitch, keys, j, block.pitch);
        }
    }

    /** By itself, so that the compiler sees strides that are constant. */
    static void scatter(float[] row, int at, float[] columns, int column, int length) {
        for (int d = 0; d < length; d++) {
            columns[d * TOKENS + column] = row[at + d];
        }
    }

    /** Sets what is not below the diagonal to zero. */
    static void keepBelow(float[] pairs, int row, int kept) {
        Arrays.fill(pairs, row * TOKENS + kept, (row + 1) * TOKENS, 0);
    }
}
