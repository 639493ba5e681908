package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** What the tuned kernels of the chunk form share. */
public final class DeltaTiles {
    /** Tokens of a tile; a chunk has no more. */
    public static final int TOKENS = 64;

    /** Work-items of a group. */
    public static final int LOCAL = 256;

    /** Channels, or tokens, that are in local memory at a time. */
    static final int DEPTH = 16;

    /** Neighbouring tokens in a work-item's registers. */
    static final int QUAD = 4;

    /** Quads of a tile. */
    static final int QUADS = TOKENS / QUAD;

    /** Pairs of two quads' tokens. */
    static final int PAIRS = QUAD * QUAD;

    /** Work-items that add up the squares of one row. */
    static final int PARTS = LOCAL / TOKENS;

    private DeltaTiles() {}

    /** {@link #DEPTH}, as a bound that the compiler does not know: unrolled loops were no faster, and slow to compile. */
    static int depth(IntArray shape) {
        return TornadoMath.min(DEPTH, shape.get(DeltaShape.KEY_DIM) * DEPTH);
    }

    /** A token's row of K. */
    static int rowOf(IntArray shape, int token, int head, int heads, int keyDim) {
        return (token * heads + DeltaIndex.head(shape, head, heads)) * keyDim;
    }

    /** An element of a row of K, with nothing read past its end; only whole slices need no bound. */
    static int channel(int channel, int keyDim) {
        int used = channel;
        if (keyDim % DEPTH != 0) {
            used = TornadoMath.min(channel, keyDim - 1);
        }
        return used;
    }

    /** What a row is multiplied by; 0 for rows and channels that are not there. */
    static float unitOf(float unit, int row, int tokens, int there) {
        float factor = 0.0f;
        if (row < tokens && there != 0) {
            factor = unit;
        }
        return factor;
    }

    /**
     * Whose squares give the length of a row, both numbered from q's rows of a tile over k's to e's: its own, or the other
     * key's.
     */
    static int measured(int form, int row) {
        int used = row;
        if ((form & DeltaForm.BY_WRITE_KEY) != 0 && row >= 2 * TOKENS) {
            used = row - TOKENS;
        }
        if ((form & DeltaForm.BY_ERASE_KEY) != 0 && row >= TOKENS && row < 2 * TOKENS) {
            used = row + TOKENS;
        }
        return used;
    }

    /** The sum of squares of every {@link #PARTS}th element of a row. */
    static float squares(IntArray shape, FloatArray x, int at, int part) {
        float sum = 0.0f;
        int keyDim = shape.get(DeltaShape.KEY_DIM);
        for (int d = part; d < keyDim; d += PARTS) {
            float value = x.get(at + d);
            sum += value * value;
        }
        return sum;
    }
}
