package dev.gust.runtime.attention;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * A block's tokens as one chunk, by products of matrices: what a and q read of the state at its beginning, what they read of
 * one another's writes ({@link DplrPairs}), r by forward substitution, and the state at its end. Decays are multiplied up
 * along the tokens, forwards for what is read and backwards for what is left: factors are at most 1, and nothing is taken
 * from sums.
 */
final class DplrChunk {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    private final DplrBlock x;
    private final DplrPairs pairs;

    /** Rows of a and q by what has decayed of the state before them. */
    private final float[] holds;

    private final float[] reads;

    /** Rows of b and k by what decays of them until the end. */
    private final float[] leftB;

    private final float[] leftK;

    /** The decay of the whole chunk. */
    private final float[] decay;

    DplrChunk(DplrBlock x) {
        this.x = x;
        this.pairs = new DplrPairs(x);
        this.holds = new float[x.a.length];
        this.reads = new float[x.a.length];
        this.leftB = new float[x.a.length];
        this.leftK = new float[x.a.length];
        this.decay = new float[x.keyStride];
    }

    /** Leaves o in the block and the state behind its last token. */
    void run(float[] state, int keyDim) {
        pairs.fill();
        fade();
        for (int column = 0; column < x.valueStride; column += DplrBlock.STRIP) {
            for (int t = 0; t < x.count; t += 2) {
                read(state, column, keyDim, t);
            }
            for (int t = 0; t < x.count; t++) {
                substitute(column, t);
            }
            for (int d = 0; d < keyDim; d += 2) {
                write(state, column, d);
            }
        }
    }

    private void fade() {
        for (int d = 0; d < x.keyStride; d += F.length()) {
            forwards(d);
            backwards(d);
        }
    }

    private void forwards(int d) {
        FloatVector until = FloatVector.broadcast(F, 1);
        for (int t = 0; t < x.count; t++) {
            int at = t * x.keyStride + d;
            FloatVector.fromArray(F, x.a, at).mul(until).intoArray(holds, at);
            until = until.mul(FloatVector.fromArray(F, x.decay, at));
            FloatVector.fromArray(F, x.q, at).mul(until).intoArray(reads, at);
        }
        until.intoArray(decay, d);
        // Tokens are read in pairs.
        FloatVector.zero(F).intoArray(holds, x.count * x.keyStride + d);
        FloatVector.zero(F).intoArray(reads, x.count * x.keyStride + d);
    }

    private void backwards(int d) {
        FloatVector left = FloatVector.broadcast(F, 1);
        for (int t = x.count - 1; t >= 0; t--) {
            int at = t * x.keyStride + d;
            FloatVector.fromArray(F, x.b, at).mul(left).intoArray(leftB, at);
            FloatVector.fromArray(F, x.k, at).mul(left).intoArray(leftK, at);
            left = left.mul(FloatVector.fromArray(F, x.decay, at));
        }
    }

    /** What two tokens hold and read of the state. */
    private void read(float[] state, int column, int keyDim, int t) {
        int stride = x.valueStride;
        int row = t * x.keyStride;
        int next = row + x.keyStride;
        FloatVector held0 = FloatVector.zero(F);
        FloatVector held1 = FloatVector.zero(F);
        FloatVector heldNext0 = FloatVector.zero(F);
        FloatVector heldNext1 = FloatVector.zero(F);
        FloatVector read0 = FloatVector.zero(F);
        FloatVector read1 = FloatVector.zero(F);
        FloatVector readNext0 = FloatVector.zero(F);
        FloatVector readNext1 = FloatVector.zero(F);
        for (int d = 0; d < keyDim; d++) {
            FloatVector s0 = FloatVector.fromArray(F, state, d * stride + column);
            FloatVector s1 = FloatVector.fromArray(F, state, d * stride + column + F.length());
            FloatVector hold = FloatVector.broadcast(F, holds[row + d]);
            FloatVector read = FloatVector.broadcast(F, reads[row + d]);
            FloatVector holdNext = FloatVector.broadcast(F, holds[next + d]);
            FloatVector readNext = FloatVector.broadcast(F, reads[next + d]);
            held0 = s0.fma(hold, held0);
            held1 = s1.fma(hold, held1);
            read0 = s0.fma(read, read0);
            read1 = s1.fma(read, read1);
            heldNext0 = s0.fma(holdNext, heldNext0);
            heldNext1 = s1.fma(holdNext, heldNext1);
            readNext0 = s0.fma(readNext, readNext0);
            readNext1 = s1.fma(readNext, readNext1);
        }
        int at = t * stride + column;
        store(x.held, at, held0, held1);
        store(x.o, at, read0, read1);
        store(x.held, at + stride, heldNext0, heldNext1);
        store(x.o, at + stride, readNext0, readNext1);
    }

    /** Adds what a token's a and q read of the writes of those before it, and its q of its own. */
    private void substitute(int column, int t) {
        int stride = x.valueStride;
        int at = t * stride + column;
        int pair = t * x.capacity;
        FloatVector held0 = FloatVector.fromArray(F, x.held, at);
        FloatVector held1 = FloatVector.fromArray(F, x.held, at + F.length());
        FloatVector read0 = FloatVector.fromArray(F, x.o, at);
        FloatVector read1 = FloatVector.fromArray(F, x.o, at + F.length());
        for (int j = 0; j < t; j++) {
            int from = j * stride + column;
            FloatVector v0 = FloatVector.fromArray(F, x.v, from);
            FloatVector v1 = FloatVector.fromArray(F, x.v, from + F.length());
            FloatVector r0 = FloatVector.fromArray(F, x.held, from);
            FloatVector r1 = FloatVector.fromArray(F, x.held, from + F.length());
            FloatVector ak = FloatVector.broadcast(F, pairs.ak[pair + j]);
            FloatVector ab = FloatVector.broadcast(F, pairs.ab[pair + j]);
            FloatVector qk = FloatVector.broadcast(F, pairs.qk[pair + j]);
            FloatVector qb = FloatVector.broadcast(F, pairs.qb[pair + j]);
            held0 = r0.fma(ab, v0.fma(ak, held0));
            held1 = r1.fma(ab, v1.fma(ak, held1));
            read0 = r0.fma(qb, v0.fma(qk, read0));
            read1 = r1.fma(qb, v1.fma(qk, read1));
        }
        store(x.held, at, held0, held1);
        store(x.o, at, read0, read1);
        own(at, pairs.qk[pair + t], pairs.qb[pair + t]);
    }

    private void own(int at, float qk, float qb) {
        for (int c = at; c < at + DplrBlock.STRIP; c += F.length()) {
            FloatVector read = FloatVector.fromArray(F, x.v, c).mul(qk).add(FloatVector.fromArray(F, x.o, c));
            FloatVector.fromArray(F, x.held, c).mul(qb).add(read).intoArray(x.o, c);
        }
    }

    /** Two rows of the state behind the chunk. */
    private void write(float[] state, int column, int d) {
        int stride = x.valueStride;
        int at = d * stride + column;
        FloatVector s0 = FloatVector.fromArray(F, state, at).mul(decay[d]);
        FloatVector s1 = FloatVector.fromArray(F, state, at + F.length()).mul(decay[d]);
        FloatVector next0 = FloatVector.fromArray(F, state, at + stride).mul(decay[d + 1]);
        FloatVector next1 =
                FloatVector.fromArray(F, state, at + stride + F.length()).mul(decay[d + 1]);
        for (int t = 0; t < x.count; t++) {
            int from = t * stride + column;
            int row = t * x.keyStride + d;
            FloatVector v0 = FloatVector.fromArray(F, x.v, from);
            FloatVector v1 = FloatVector.fromArray(F, x.v, from + F.length());
            FloatVector r0 = FloatVector.fromArray(F, x.held, from);
            FloatVector r1 = FloatVector.fromArray(F, x.held, from + F.length());
            FloatVector k = FloatVector.broadcast(F, leftK[row]);
            FloatVector b = FloatVector.broadcast(F, leftB[row]);
            s0 = r0.fma(b, v0.fma(k, s0));
            s1 = r1.fma(b, v1.fma(k, s1));
            k = FloatVector.broadcast(F, leftK[row + 1]);
            b = FloatVector.broadcast(F, leftB[row + 1]);
            next0 = r0.fma(b, v0.fma(k, next0));
            next1 = r1.fma(b, v1.fma(k, next1));
        }
        store(state, at, s0, s1);
        store(state, at + stride, next0, next1);
    }

    private static void store(float[] to, int at, FloatVector left, FloatVector right) {
        left.intoArray(to, at);
        right.intoArray(to, at + F.length());
    }
}
