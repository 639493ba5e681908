package dev.gust.runtime.attention.parallel;

import dev.gust.runtime.attention.parallel.StateChain.Kind;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/**
 * Between one sequence's states as plans have them, "state" [HV, K, V], "z" [HV, K] and "m" [HV], and those of a chain.
 *
 * @param stateColumns columns of "state": V, or more where a transition lies behind them
 */
record ChainStates(StateChain chain, int stateColumns) {
    static final String STATE = "state";

    static final String NORMALIZER = "z";

    static final String STABILIZER = "m";

    /** From a plan's to the chain's. */
    void in(Map<String, MemorySegment> states, MemorySegment chained) {
        move(states, chained, true);
    }

    /** From the chain's to a plan's. */
    void out(MemorySegment chained, Map<String, MemorySegment> states) {
        move(states, chained, false);
    }

    private void move(Map<String, MemorySegment> states, MemorySegment chained, boolean in) {
        int keyDim = chain.keyDim();
        for (int h = 0; h < chain.heads(); h++) {
            long column = (long) h * chain.headColumns();
            if (chain.hasScales()) {
                boolean shared = chain.kind() == Kind.LARGEST;
                MemorySegment scales = of(states, shared ? STABILIZER : NORMALIZER);
                for (int d = 0; d < keyDim; d++) {
                    move(scales, shared ? h : (long) h * keyDim + d, chained, column * keyDim + d, in);
                }
                column++;
            }
            MemorySegment state = of(states, STATE);
            for (int c = 0; c < chain.valueDim(); c++, column++) {
                for (int d = 0; d < keyDim; d++) {
                    long at = ((long) h * keyDim + d) * stateColumns + c;
                    move(state, at, chained, column * keyDim + d, in);
                }
            }
            for (int d = 0; d < keyDim && chain.normalizer(); d++) {
                move(of(states, NORMALIZER), (long) h * keyDim + d, chained, column * keyDim + d, in);
            }
        }
    }

    static MemorySegment of(Map<String, MemorySegment> states, String name) {
        MemorySegment state = states.get(name);
        if (state == null) {
            throw new IllegalArgumentException("there is no state '" + name + "'");
        }
        return state;
    }

    private static void move(MemorySegment plans, long at, MemorySegment chained, long chainedAt, boolean in) {
        if (in) {
            chained.setAtIndex(
                    ValueLayout.JAVA_FLOAT, chainedAt, plans.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at));
        } else {
            plans.setAtIndex(
                    ValueLayout.JAVA_FLOAT_UNALIGNED, at, chained.getAtIndex(ValueLayout.JAVA_FLOAT, chainedAt));
        }
    }

    /** The columns behind V, as a transition: one for {@link Kind#DIAGONAL}, K for {@link Kind#MATRIX}. */
    void transition(MemorySegment state, MemorySegment transition) {
        int keyDim = chain.keyDim();
        int columns = stateColumns - chain.valueDim();
        for (long row = 0; row < (long) chain.heads() * keyDim; row++) {
            for (int c = 0; c < columns; c++) {
                long to = (row / keyDim * columns + c) * keyDim + row % keyDim;
                move(state, row * stateColumns + chain.valueDim() + c, transition, to, true);
            }
        }
    }

    /** Sets the columns behind V to what becomes the transition: ones, or the identity. */
    void probe(MemorySegment state) {
        int keyDim = chain.keyDim();
        for (long row = 0; row < (long) chain.heads() * keyDim; row++) {
            long column = chain.valueDim() + (chain.kind() == Kind.MATRIX ? row % keyDim : 0);
            state.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, row * stateColumns + column, 1);
        }
    }
}
