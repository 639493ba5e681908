package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A paper's rule as a case of the delta step: prepares its inputs, and finishes what comes out. One belongs to each plan.
 */
interface DeltaRule {
    DeltaStep step();

    DeltaSizes sizes();

    /** The step's operands for a call. */
    DeltaOperands operands(RuleCall call);

    /** Which of the step's tokens are whose: not the call's where a token takes several steps. */
    default Sequences sequences(RuleCall call) {
        return call.sequences();
    }

    /**
     * Whether the step writes what users get. If not, {@link #finish} makes that of what the step wrote.
     */
    default boolean finishes() {
        return false;
    }

    /**
     * Makes o of what the step wrote.
     *
     * @param raw [the step's tokens, HV, the step's V]
     * @param o [tokens, HV, V]
     */
    default void finish(RuleCall call, MemorySegment raw, MemorySegment o) {}

    /** What is carried on the host. */
    default List<Carried> carried() {
        return List.of();
    }

    /** Whether the state has a column more than V, in which the normaliser z [N, HV, K] is. */
    default boolean hasNormalizer() {
        return false;
    }

    /** What a head's state is multiplied by where users see it: other conventions than ours. */
    default float stateFactor(int head) {
        return 1;
    }
}
