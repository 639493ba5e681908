package dev.gust.runtime.attention.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What a few tokens bring to one head, copied out of the caller's memory, and what they read: a thread's scratch. Rows of q,
 * k and e are as long as whole vectors, with zeros behind K.
 */
public final class TokenBlock {
    /** Most tokens of a block. More would need fewer passes over the state, but more products of pairs. */
    public static final int TOKENS = 16;

    /** Floats from a row of q, k, e or decays to the next. */
    final int pitch;

    /** Floats from a row of v or o to the next. */
    final int columns;

    final float[] q;
    final float[] k;
    final float[] e;

    /** e^g: [TOKENS, pitch] if channels decay by themselves, otherwise [TOKENS]. */
    final float[] decay;

    final float[] beta = new float[TOKENS];
    final float[] v;
    final float[] o;

    /** Tokens that are there. */
    int count;

    private final int keyDim;
    private final DeltaParts parts;

    public TokenBlock(Panels panels, DeltaParts parts) {
        this.parts = parts;
        keyDim = panels.keyDim();
        pitch = Panels.roundUp(panels.rows(), Panels.LANES);
        columns = panels.columns();
        q = new float[TOKENS * pitch];
        k = new float[TOKENS * pitch];
        e = new float[TOKENS * pitch];
        decay = new float[parts.decaysChannels() ? TOKENS * pitch : TOKENS];
        v = new float[TOKENS * columns];
        o = new float[TOKENS * columns];
        Arrays.fill(beta, 1);
        Arrays.fill(decay, 1);
    }

    /** Begins a block of so many tokens; rows behind them become zero, up to a multiple of four. */
    public void begin(int tokens) {
        count = tokens;
        for (int i = tokens; i < Panels.roundUp(tokens, Panels.ROWS); i++) {
            Arrays.fill(q, i * pitch, (i + 1) * pitch, 0);
            Arrays.fill(k, i * pitch, (i + 1) * pitch, 0);
            Arrays.fill(e, i * pitch, (i + 1) * pitch, 0);
            Arrays.fill(v, i * columns, (i + 1) * columns, 0);
            if (parts.decaysChannels()) {
                Arrays.fill(decay, i * pitch, (i + 1) * pitch, 1);
            }
        }
    }

    /** Tokens and the rows that fill up. */
    int rows() {
        return Panels.roundUp(count, Panels.ROWS);
    }

    /**
     * Sets a token's query.
     *
     * @param at the first of K floats
     * @return their sum of squares
     */
    public float query(int token, MemorySegment from, long at) {
        return RowLoops.copyIn(from, at, q, token * pitch, keyDim);
    }

    /** Sets a token's write key likewise. */
    public float writeKey(int token, MemorySegment from, long at) {
        return RowLoops.copyIn(from, at, k, token * pitch, keyDim);
    }

    /** Sets a token's own erase key, or the bonus's, likewise. */
    public float eraseKey(int token, MemorySegment from, long at) {
        return RowLoops.copyIn(from, at, e, token * pitch, keyDim);
    }

    /** 1 / √(Σ x² + 10⁻⁶), from Σ x². */
    public static float inverseLength(float squares) {
        return RowLoops.inverseNorm(squares);
    }

    /** Makes the write key of a token its erase key, too. */
    public void eraseByWriteKey(int token) {
        RowLoops.copy(k, token * pitch, e, token * pitch, pitch);
    }

    /** Multiplies a token's query. */
    public void scaleQuery(int token, float factor) {
        scale(q, token, factor);
    }

    /** Multiplies a token's write key. */
    public void scaleWriteKey(int token, float factor) {
        scale(k, token, factor);
    }

    /** Multiplies a token's own erase key, or the bonus's. */
    public void scaleEraseKey(int token, float factor) {
        scale(e, token, factor);
    }

    private void scale(float[] x, int token, float factor) {
        if (factor != 1) {
            RowLoops.scale(x, token * pitch, pitch, factor);
        }
    }

    /** Sets the factors by which a token's channels decay, from K logarithms. */
    public void channelDecays(int token, MemorySegment from, long at) {
        int first = token * pitch;
        RowLoops.copyIn(from, at, decay, first, keyDim);
        Arrays.fill(decay, first + keyDim, first + pitch, 0);
        RowLoops.exponentials(decay, first, pitch);
    }

    /**
     * Sets the factors by which tokens decay, from a logarithm for each.
     *
     * @param at the first token's
     * @param stride floats from a token's to the next one's
     */
    public void decays(MemorySegment from, long at, int stride) {
        for (int i = 0; i < TOKENS; i++) {
            decay[i] = i < count ? get(from, at + (long) i * stride) : 0;
        }
        RowLoops.exponentials(decay, 0, TOKENS);
    }

    /** Sets what multiplies a token's update; it is 1 otherwise. */
    public void beta(int token, MemorySegment from, long at) {
        beta[token] = get(from, at);
    }

    /** Sets columns of a token's target. */
    public void target(int token, MemorySegment from, long at, int firstColumn, int endColumn) {
        RowLoops.copyIn(from, at + firstColumn, v, token * columns + firstColumn, endColumn - firstColumn);
    }

    /** Writes columns of what a token reads. */
    public void result(int token, MemorySegment to, long at, int firstColumn, int endColumn) {
        RowLoops.copyOut(o, token * columns + firstColumn, to, at + firstColumn, endColumn - firstColumn);
    }

    private static float get(MemorySegment from, long at) {
        return from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
    }
}
