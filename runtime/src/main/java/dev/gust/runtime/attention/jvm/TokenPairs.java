package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/** Pairs where all channels of a token decay alike: products of keys, multiplied by decays afterwards. */
final class TokenPairs extends ChunkPairs {
    private final DeltaParts parts;
    private final int rows;

    /** F_ij of a row i. */
    private final float[] since = new float[TOKENS];

    TokenPairs(Panels panels, DeltaParts parts) {
        super(panels);
        this.parts = parts;
        this.rows = panels.rows();
    }

    @Override
    void prepare(TokenBlock block) {
        transposeKeys(block);
        TileLoops.multiplySquare(block.q, block.pitch, block.rows(), rows, keys, read);
        if (parts.erases()) {
            TileLoops.multiplySquare(block.e, block.pitch, block.rows(), rows, keys, erased);
        }
        decayPairs(block);
        // By now it holds the decays from behind each token to the block's end.
        for (int d = 0; d < rows; d++) {
            RowLoops.multiply(keys, d * TOKENS, since, 0, TOKENS);
        }
    }

    private void decayPairs(TokenBlock block) {
        Arrays.fill(since, 0);
        float all = 1;
        for (int i = 0; i < block.rows(); i++) {
            float before = all;
            float f = block.decay[i];
            all *= f;
            if (parts.readsBefore()) {
                RowLoops.multiply(read, i * TOKENS, since, 0, TOKENS);
            }
            RowLoops.scale(since, 0, TOKENS, f);
            if (parts.erases()) {
                erase(block, i, all);
            }
            since[i] = 1;
            if (!parts.readsBefore()) {
                RowLoops.multiply(read, i * TOKENS, since, 0, TOKENS);
            }
            keepBelow(read, i, parts.readsBefore() ? i : i + 1);
            if (parts.bonus()) {
                int row = i * block.pitch;
                read[i * TOKENS + i] = RowLoops.dot(block.e, row, block.q, row, block.pitch);
            }
            RowLoops.scale(block.q, i * block.pitch, block.pitch, parts.readsBefore() ? before : all);
        }
        Arrays.fill(decay, all);
    }

    private void erase(TokenBlock block, int i, float all) {
        FloatVector beta = FloatVector.broadcast(F, -block.beta[i]);
        for (int j = 0; j < TOKENS; j += LANES) {
            int at = i * TOKENS + j;
            FloatVector pair = FloatVector.fromArray(F, erased, at);
            pair.mul(FloatVector.fromArray(F, since, j)).mul(beta).intoArray(erased, at);
        }
        keepBelow(erased, i, i);
        RowLoops.scale(block.e, i * block.pitch, block.pitch, -block.beta[i] * all);
    }
}
