package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.ROWS;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;
import static dev.gust.runtime.attention.jvm.TokenBlock.TOKENS;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * A block of tokens at once. With F_i the product of decays from the block's beginning to token i and F_ij from behind token
 * j to token i:
 *
 * <pre>
 * A_ij = Σ_d e_id k_jd F_ijd   for j &lt; i
 * P_ij = Σ_d q_id k_jd F_ijd   for j ≤ i
 * r_i  = beta_i (v_i − Sᵀ(e_i ∘ F_i) − Σ_j A_ij r_j)
 * o_i  = Sᵀ(q_i ∘ F_i) + Σ_j P_ij r_j
 * S    = Diag(F_C) S + Σ_j (k_j ∘ F_Cj) r_jᵀ
 * </pre>
 *
 * <p>Decays are multiplied, not their logarithms added: products of factors up to 1 never overflow, and what vanishes
 * vanishes. Where o reads before the step, it takes decays and pairs up to the token before.
 *
 * <p>Source: the chunkwise forms of DeltaNet (arXiv 2406.06484), Gated DeltaNet (2412.06464) and Kimi Linear (2510.26692).
 */
public final class ChunkStep implements BlockStep {
    private static final float[] ONES = new float[TOKENS];

    static {
        Arrays.fill(ONES, 1);
    }

    private final Panels panels;
    private final DeltaParts parts;
    private final ChunkPairs pairs;

    /** r, then o: a panel of each. */
    private final float[] rows = new float[2 * TOKENS * WIDTH];

    public ChunkStep(Panels panels, DeltaParts parts) {
        this.panels = panels;
        this.parts = parts;
        this.pairs = parts.decaysChannels() ? new ChannelPairs(panels, parts) : new TokenPairs(panels, parts);
    }

    @Override
    public void run(TokenBlock block, float[] state, int firstPanel, int endPanel) {
        pairs.prepare(block);
        for (int p = firstPanel; p < endPanel; p++) {
            targets(block, p);
            readState(block, state, panels.at(p));
            if (parts.erases()) {
                substitute(block);
            }
            readPairs(block, p);
            writeState(block, state, panels.at(p));
        }
    }

    /** beta v, from which everything else is taken. */
    private void targets(TokenBlock block, int panel) {
        int count = block.rows();
        for (int i = 0; i < count; i++) {
            FloatVector beta = FloatVector.broadcast(F, block.beta[i]);
            int from = i * block.columns + panel * WIDTH;
            FloatVector.fromArray(F, block.v, from).mul(beta).intoArray(rows, i * WIDTH);
            FloatVector.fromArray(F, block.v, from + LANES).mul(beta).intoArray(rows, i * WIDTH + LANES);
        }
        Arrays.fill(rows, TOKENS * WIDTH, (TOKENS + count) * WIDTH, 0);
    }

    private void readState(TokenBlock block, float[] state, int at) {
        int pitch = block.pitch;
        int length = panels.rows();
        int count = block.rows();
        if (parts.erases()) {
            TileLoops.addPanel(count, block.e, 0, pitch, length, state, at, ONES, 0, rows, 0);
        }
        TileLoops.addPanel(count, block.q, 0, pitch, length, state, at, ONES, 0, rows, TOKENS * WIDTH);
    }

    /** Finds r by forward substitution, four rows at a time. */
    private void substitute(TokenBlock block) {
        float[] a = pairs.erased();
        for (int i = 0; i < block.rows(); i += ROWS) {
            if (i > 0) {
                TileLoops.addPanel(ROWS, a, i * TOKENS, TOKENS, i, rows, 0, ONES, 0, rows, i * WIDTH);
            }
            TileLoops.solve(a, i * TOKENS + i, TOKENS, rows, i * WIDTH);
        }
    }

    private void readPairs(TokenBlock block, int panel) {
        float[] p = pairs.read();
        for (int i = 0; i < block.rows(); i += ROWS) {
            int to = (TOKENS + i) * WIDTH;
            TileLoops.addPanel(ROWS, p, i * TOKENS, TOKENS, i + ROWS, rows, 0, ONES, 0, rows, to);
        }
        for (int i = 0; i < block.count; i++) {
            RowLoops.copy(rows, (TOKENS + i) * WIDTH, block.o, i * block.columns + panel * WIDTH, WIDTH);
        }
    }

    private void writeState(TokenBlock block, float[] state, int at) {
        float[] keys = pairs.keys();
        float[] decay = pairs.decay();
        TileLoops.addPanel(panels.rows(), keys, 0, TOKENS, block.rows(), rows, 0, decay, 0, state, at);
    }
}
