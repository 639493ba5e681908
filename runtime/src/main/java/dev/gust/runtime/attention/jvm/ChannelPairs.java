package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Pairs where every channel decays by itself: no product of matrices, as each pair has decays of its own. A key is carried
 * from token to token, and decays as the state does.
 */
final class ChannelPairs extends ChunkPairs {
    private final DeltaParts parts;

    /** A key as it has decayed. */
    private final float[] carried;

    /** What a token's two readers find: e's, q's. */
    private final float[] found = new float[2];

    ChannelPairs(Panels panels, DeltaParts parts) {
        super(panels);
        this.parts = parts;
        this.carried = new float[Panels.roundUp(panels.rows(), LANES)];
    }

    @Override
    void prepare(TokenBlock block) {
        int pitch = block.pitch;
        int rows = block.rows();
        for (int j = 0; j < rows; j++) {
            carry(block, j, rows);
            // The write key's row becomes what is left of it at the block's end.
            RowLoops.copy(carried, 0, block.k, j * pitch, pitch);
        }
        transposeKeys(block);
        Arrays.fill(decay, 1);
        for (int i = 0; i < rows; i++) {
            int row = i * pitch;
            if (parts.readsBefore()) {
                RowLoops.multiply(block.q, row, decay, 0, pitch);
            }
            RowLoops.multiply(decay, 0, block.decay, row, pitch);
            if (!parts.readsBefore()) {
                RowLoops.multiply(block.q, row, decay, 0, pitch);
            }
            if (parts.erases()) {
                RowLoops.multiply(block.e, row, decay, 0, pitch);
                RowLoops.scale(block.e, row, pitch, -block.beta[i]);
            }
        }
    }

    /** Pairs of key j with all readers behind it. */
    private void carry(TokenBlock block, int j, int rows) {
        int pitch = block.pitch;
        RowLoops.copy(block.k, j * pitch, carried, 0, pitch);
        read[j * TOKENS + j] =
                parts.readsBefore() ? bonus(block, j) : RowLoops.dot(carried, 0, block.q, j * pitch, pitch);
        for (int i = j + 1; i < rows; i++) {
            int row = i * pitch;
            if (parts.readsBefore()) {
                read[i * TOKENS + j] = RowLoops.dot(carried, 0, block.q, row, pitch);
                RowLoops.multiply(carried, 0, block.decay, row, pitch);
                if (parts.erases()) {
                    erased[i * TOKENS + j] = -block.beta[i] * RowLoops.dot(carried, 0, block.e, row, pitch);
                }
            } else if (parts.erases()) {
                decayAndRead(carried, block.decay, block.e, block.q, row, pitch, found);
                erased[i * TOKENS + j] = -block.beta[i] * found[0];
                read[i * TOKENS + j] = found[1];
            } else {
                RowLoops.multiply(carried, 0, block.decay, row, pitch);
                read[i * TOKENS + j] = RowLoops.dot(carried, 0, block.q, row, pitch);
            }
        }
    }

    private float bonus(TokenBlock block, int j) {
        int row = j * block.pitch;
        return parts.bonus() ? RowLoops.dot(block.e, row, block.q, row, block.pitch) : 0;
    }

    private static void decayAndRead(
            float[] key, float[] decay, float[] e, float[] q, int row, int length, float[] found) {
        FloatVector a = FloatVector.zero(F);
        FloatVector b = a;
        for (int d = 0; d < length; d += LANES) {
            FloatVector k = FloatVector.fromArray(F, key, d).mul(FloatVector.fromArray(F, decay, row + d));
            k.intoArray(key, d);
            a = k.fma(FloatVector.fromArray(F, e, row + d), a);
            b = k.fma(FloatVector.fromArray(F, q, row + d), b);
        }
        found[0] = a.reduceLanes(VectorOperators.ADD);
        found[1] = b.reduceLanes(VectorOperators.ADD);
    }
}
