package dev.gust.runtime.attention.parallel;

import dev.gust.runtime.attention.parallel.StateChain.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * What a part does to the state of the sequence that crosses its end: state after = transition · state before + own state.
 * Stored in float32 whatever the inputs were, and added up in float64: errors of a transition in 16 bits multiply from part to
 * part (flash-linear-attention, issue 740).
 *
 * @param chain how it lies
 * @param resets whether the state before does not matter, since that sequence begins in the part
 * @param transition {@link StateChain#transitionBytes()}; zeros where it resets
 * @param state what the part's tokens make of an empty state, or where it resets of the initial one:
 *     {@link StateChain#stateBytes()}
 */
public record Contribution(StateChain chain, boolean resets, MemorySegment transition, MemorySegment state) {
    /** Of a part where a sequence begins, or after which none goes on. */
    static Contribution resetting(StateChain chain, MemorySegment state, Arena arena) {
        return new Contribution(chain, true, arena.allocate(chain.transitionBytes(), 64), state);
    }

    /** Of a part without tokens: the state goes through as it is. */
    static Contribution identity(StateChain chain, Arena arena) {
        MemorySegment state = arena.allocate(chain.stateBytes(), 64);
        chain.empty(state);
        MemorySegment transition = arena.allocate(chain.transitionBytes(), 64);
        int keyDim = chain.keyDim();
        for (long i = 0; i < (long) chain.heads() * keyDim && !chain.hasScales(); i++) {
            long at = chain.kind() == Kind.DIAGONAL ? i : i * keyDim + i % keyDim;
            transition.setAtIndex(ValueLayout.JAVA_FLOAT, at, 1);
        }
        return new Contribution(chain, false, transition, state);
    }

    /**
     * What becomes of some columns of a state.
     *
     * @param before the state before the part; columns up to {@code end} of their head have to be there
     * @param after receives the columns, in their places
     * @param first of all heads' columns
     * @param end behind the last
     */
    public void carry(MemorySegment before, MemorySegment after, long first, long end) {
        long from = chain.columnBytes(first);
        long bytes = chain.columnBytes(end - first);
        if (resets) {
            MemorySegment.copy(state, from, after, from, bytes);
            return;
        }
        int headColumns = chain.headColumns();
        for (long column = first; column < end; ) {
            int head = (int) (column / headColumns);
            long headEnd = Math.min(end, (long) (head + 1) * headColumns);
            switch (chain.kind()) {
                case DIAGONAL -> scale(before, after, column, headEnd, decays(head), ones());
                case MATRIX -> multiply(before, after, column, headEnd, head);
                case LARGEST, LOG_SUM -> rescale(before, after, column, headEnd, head);
            }
            column = headEnd;
        }
    }

    private double[] decays(int head) {
        return read(transition, head);
    }

    private double[] ones() {
        double[] ones = new double[chain.keyDim()];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** after = kept ∘ before + own ∘ state. */
    private void scale(MemorySegment before, MemorySegment after, long first, long end, double[] kept, double[] own) {
        int keyDim = chain.keyDim();
        for (long column = first; column < end; column++) {
            for (int d = 0; d < keyDim; d++) {
                double sum = kept[d] * at(before, column, d) + own[d] * at(state, column, d);
                after.setAtIndex(ValueLayout.JAVA_FLOAT, column * keyDim + d, (float) sum);
            }
        }
    }

    private void multiply(MemorySegment before, MemorySegment after, long first, long end, int head) {
        int keyDim = chain.keyDim();
        float[] matrix = new float[keyDim * keyDim];
        MemorySegment.copy(
                transition, ValueLayout.JAVA_FLOAT, chain.columnBytes((long) head * keyDim), matrix, 0, matrix.length);
        for (long column = first; column < end; column++) {
            double[] sums = read(state, column);
            for (int from = 0; from < keyDim; from++) {
                add(sums, matrix, from * keyDim, at(before, column, from));
            }
            for (int d = 0; d < keyDim; d++) {
                after.setAtIndex(ValueLayout.JAVA_FLOAT, column * keyDim + d, (float) sums[d]);
            }
        }
    }

    private static void add(double[] sums, float[] matrix, int at, double factor) {
        for (int d = 0; d < sums.length; d++) {
            sums[d] += matrix[at + d] * factor;
        }
    }

    /** Both states are brought to the scale of the sum; the scales themselves are the head's first column. */
    private void rescale(MemorySegment before, MemorySegment after, long first, long end, int head) {
        int keyDim = chain.keyDim();
        long scales = (long) head * chain.headColumns();
        double[] sums = decays(head);
        double[] kept = new double[keyDim];
        double[] own = new double[keyDim];
        float[] joint = new float[keyDim];
        for (int d = 0; d < keyDim; d++) {
            double theirs = sums[d] + at(before, scales, d);
            double ours = at(state, scales, d);
            double top = Math.max(theirs, ours);
            boolean nothing = top == Double.NEGATIVE_INFINITY;
            double sum = nothing || chain.kind() == Kind.LARGEST
                    ? top
                    : top + Math.log1p(Math.exp(Math.min(theirs, ours) - top));
            joint[d] = (float) sum;
            kept[d] = nothing ? 0 : Math.exp(theirs - sum);
            own[d] = nothing ? 0 : Math.exp(ours - sum);
        }
        long column = first;
        if (column == scales) {
            MemorySegment.copy(joint, 0, after, ValueLayout.JAVA_FLOAT, chain.columnBytes(column), keyDim);
            column++;
        }
        scale(before, after, column, end, kept, own);
    }

    private double[] read(MemorySegment from, long column) {
        double[] values = new double[chain.keyDim()];
        for (int d = 0; d < values.length; d++) {
            values[d] = at(from, column, d);
        }
        return values;
    }

    private float at(MemorySegment from, long column, int d) {
        return from.getAtIndex(ValueLayout.JAVA_FLOAT, column * chain.keyDim() + d);
    }
}
