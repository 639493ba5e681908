package dev.gust.runtime.attention.jvm;

import static dev.gust.runtime.attention.jvm.Panels.F;
import static dev.gust.runtime.attention.jvm.Panels.LANES;
import static dev.gust.runtime.attention.jvm.Panels.WIDTH;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * A block of tokens, one after the other, panel by panel. With f the decays, S̃ = Diag(f) S and o = (S̃ + k uᵀ)ᵀ q = S̃ᵀ q +
 * (k · q) u, or of S and e · q with a bonus; so one pass over a panel finds what both keys read, with f multiplied into the keys, and a second one writes.
 */
public final class RecurrentStep implements BlockStep {
    private final Panels panels;
    private final DeltaParts parts;
    private final float[] factors;
    private final float[] products = new float[TokenBlock.TOKENS];
    private final float[] update = new float[WIDTH];
    private final float[] read = new float[2 * WIDTH];

    public RecurrentStep(Panels panels, DeltaParts parts) {
        this.panels = panels;
        this.parts = parts;
        int pitch = Panels.roundUp(panels.rows(), LANES);
        this.factors = new float[parts.decaysChannels() ? 0 : TokenBlock.TOKENS * pitch];
    }

    @Override
    public void run(TokenBlock block, float[] state, int firstPanel, int endPanel) {
        float[] f = prepare(block);
        for (int p = firstPanel; p < endPanel; p++) {
            for (int i = 0; i < block.count; i++) {
                if (parts.erases()) {
                    erasing(block, f, i, state, p);
                } else {
                    adding(block, f, i, state, p);
                }
            }
        }
    }

    /** Multiplies decays into keys that read. Returns the decays of every row. */
    private float[] prepare(TokenBlock block) {
        float[] f = parts.decaysChannels() ? block.decay : factors;
        for (int i = 0; i < block.count; i++) {
            int row = i * block.pitch;
            if (!parts.decaysChannels()) {
                Arrays.fill(f, row, row + block.pitch, block.decay[i]);
            }
            if (parts.readsBefore()) {
                products[i] = parts.bonus() ? RowLoops.dot(block.e, row, block.q, row, block.pitch) : 0;
            } else {
                products[i] = RowLoops.dot(block.k, row, block.q, row, block.pitch);
                RowLoops.multiply(block.q, row, f, row, block.pitch);
            }
            if (parts.erases()) {
                RowLoops.multiply(block.e, row, f, row, block.pitch);
            }
        }
        return f;
    }

    private void erasing(TokenBlock block, float[] f, int token, float[] state, int panel) {
        int row = token * block.pitch;
        int column = token * block.columns + panel * WIDTH;
        int at = panels.at(panel);
        StepLoops.readTwo(state, at, panels.rows(), block.e, row, block.q, row, read);
        FloatVector beta = FloatVector.broadcast(F, block.beta[token]);
        for (int c = 0; c < WIDTH; c += LANES) {
            FloatVector target = FloatVector.fromArray(F, block.v, column + c);
            target.sub(FloatVector.fromArray(F, read, c)).mul(beta).intoArray(update, c);
        }
        StepLoops.write(state, at, panels.rows(), f, row, block.k, row, update);
        finish(block.o, column, products[token]);
    }

    private void adding(TokenBlock block, float[] f, int token, float[] state, int panel) {
        int row = token * block.pitch;
        int column = token * block.columns + panel * WIDTH;
        FloatVector beta = FloatVector.broadcast(F, block.beta[token]);
        for (int c = 0; c < WIDTH; c += LANES) {
            FloatVector.fromArray(F, block.v, column + c).mul(beta).intoArray(update, c);
        }
        StepLoops.readAndWrite(state, panels.at(panel), panels.rows(), block.q, f, block.k, row, update, read);
        finish(block.o, column, products[token]);
    }

    private void finish(float[] o, int column, float product) {
        FloatVector factor = FloatVector.broadcast(F, product);
        for (int c = 0; c < WIDTH; c += LANES) {
            FloatVector.fromArray(F, update, c)
                    .fma(factor, FloatVector.fromArray(F, read, WIDTH + c))
                    .intoArray(o, column + c);
        }
    }
}
