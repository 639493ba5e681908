package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * How tokens of log-linear attention pass over a head's levels: one after the other, or a block of 16 at once that begins at a
 * multiple of 16, so that it leaves one state. A thread's scratch.
 *
 * <p>Source: Log-Linear Attention (arXiv 2506.04761).
 */
public final class LevelSteps {
    private static final float[] ONES = new float[TOKENS];

    static {
        Arrays.fill(ONES, 1);
    }

    private final Panels panels;
    private final int levels;
    private final TokenBlock block;

    /** λ [TOKENS, levels]. */
    private final float[] weights;

    /** What a token reads: a panel's columns. */
    private final float[] read = new float[WIDTH];

    private final float[] update = new float[WIDTH];

    /** Factors of a state's rows. */
    private final float[] factors;

    /** A token's products with those up to it, [TOKENS, TOKENS], and decays in between. */
    private final float[] pairs = new float[TOKENS * TOKENS];

    private final float[] since = new float[TOKENS];

    /** From the block's beginning to each token. */
    private final float[] until = new float[TOKENS];

    /** Keys, transposed [K, TOKENS]. */
    private final float[] keys;

    /** Queries with a level's weights. */
    private final float[] queries;

    /** Rows of v, and of o for each panel. */
    private final float[] values = new float[TOKENS * WIDTH];

    private final float[] results;

    /** @param levels L */
    public LevelSteps(Panels panels, int levels) {
        this.panels = panels;
        this.levels = levels;
        this.block = new TokenBlock(panels, new DeltaParts(false, false, false, false));
        this.weights = new float[TOKENS * levels];
        this.factors = new float[block.pitch];
        this.keys = new float[block.pitch * TOKENS];
        this.queries = new float[TOKENS * block.pitch];
        this.results = new float[TOKENS * block.columns];
    }

    /** The block of tokens that comes next; it has to be filled. */
    public TokenBlock block() {
        return block;
    }

    /** Sets a token's weights of levels. */
    public void weights(int token, MemorySegment from, long at) {
        MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, at * Float.BYTES, weights, token * levels, levels);
    }

    /** Goes through the block's tokens one after the other. */
    public void tokens(LevelStates states, int position) {
        states.keep(position);
        for (int i = 0; i < block.count; i++) {
            token(states, position + i, i);
        }
    }

    private void token(LevelStates states, int position, int i) {
        int row = i * block.pitch;
        states.decay(block.decay[i]);
        float own = weights[i * levels] * RowLoops.dot(block.q, row, block.k, row, block.pitch);
        for (int p = 0; p < panels.count(); p++) {
            int column = i * block.columns + p * WIDTH;
            for (int c = 0; c < WIDTH; c += LANES) {
                FloatVector.fromArray(F, block.v, column + c).mul(own).intoArray(read, c);
            }
            for (int level = 1; level < levels; level++) {
                if (states.has(level)) {
                    float weight = weights[i * levels + level] * states.fade(level);
                    StepLoops.addRead(states.state(level), panels.at(p), panels.rows(), block.q, row, weight, read);
                }
            }
            RowLoops.copy(read, 0, block.o, column, WIDTH);
        }
        int target = Integer.numberOfTrailingZeros(position + 1) + 1;
        float[] state = states.raise(target);
        Arrays.fill(factors, states.fade(target));
        states.settled(target);
        for (int p = 0; p < panels.count(); p++) {
            RowLoops.copy(block.v, i * block.columns + p * WIDTH, update, 0, WIDTH);
            StepLoops.write(state, panels.at(p), panels.rows(), factors, 0, block.k, row, update);
        }
    }

    /** Whether the block's tokens can be done at once. */
    public boolean isWhole(int position) {
        return block.count == TOKENS && position % TOKENS == 0;
    }

    /** Does all of the block's tokens at once; it must be whole. */
    public void chunk(LevelStates states, int position) {
        states.keep(position);
        float total = pairs();
        Arrays.fill(results, 0);
        for (int level = 1; level < levels; level++) {
            if (states.has(level)) {
                readLevel(states, level);
            }
        }
        states.decay(total);
        int target = Integer.numberOfTrailingZeros(position + TOKENS) + 1;
        float[] state = states.raise(target);
        Arrays.fill(factors, states.fade(target));
        states.settled(target);
        for (int p = 0; p < panels.count(); p++) {
            int at = p * TOKENS * WIDTH;
            for (int i = 0; i < TOKENS; i++) {
                RowLoops.copy(block.v, i * block.columns + p * WIDTH, values, i * WIDTH, WIDTH);
            }
            TileLoops.addPanel(TOKENS, pairs, 0, TOKENS, TOKENS, values, 0, ONES, 0, results, at);
            for (int i = 0; i < TOKENS; i++) {
                RowLoops.copy(results, at + i * WIDTH, block.o, i * block.columns + p * WIDTH, WIDTH);
            }
            TileLoops.addPanel(panels.rows(), keys, 0, TOKENS, TOKENS, values, 0, factors, 0, state, panels.at(p));
        }
    }

    private void readLevel(LevelStates states, int level) {
        for (int i = 0; i < TOKENS; i++) {
            int row = i * block.pitch;
            RowLoops.copy(block.q, row, queries, row, block.pitch);
            RowLoops.scale(queries, row, block.pitch, weights[i * levels + level] * until[i] * states.fade(level));
        }
        for (int p = 0; p < panels.count(); p++) {
            TileLoops.addPanel(
                    TOKENS,
                    queries,
                    0,
                    block.pitch,
                    panels.rows(),
                    states.state(level),
                    panels.at(p),
                    ONES,
                    0,
                    results,
                    p * TOKENS * WIDTH);
        }
    }

    /**
     * Finds what the block's tokens have to do with each other, and multiplies into the keys what is left of them behind the
     * block. Returns what the whole block decays by.
     */
    private float pairs() {
        for (int j = 0; j < TOKENS; j++) {
            ChunkPairs.scatter(block.k, j * block.pitch, keys, j, block.pitch);
        }
        TileLoops.multiplySquare(block.q, block.pitch, TOKENS, panels.rows(), keys, pairs);
        Arrays.fill(since, 0);
        float all = 1;
        for (int i = 0; i < TOKENS; i++) {
            all *= block.decay[i];
            until[i] = all;
            RowLoops.scale(since, 0, TOKENS, block.decay[i]);
            since[i] = 1;
            for (int j = 0; j < TOKENS; j++) {
                int level = Integer.SIZE - Integer.numberOfLeadingZeros(i ^ j);
                pairs[i * TOKENS + j] *= j > i ? 0 : since[j] * weights[i * levels + level];
            }
        }
        for (int d = 0; d < panels.rows(); d++) {
            RowLoops.multiply(keys, d * TOKENS, since, 0, TOKENS);
        }
        return all;
    }
}
