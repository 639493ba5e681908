package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/** A plan that adds something to another one, which has the states. */
interface ForwardingPlan<X> extends StatePlan<X> {
    /** The other one. */
    StatePlan<X> plan();

    @Override
    default void clearState(int sequence) {
        plan().clearState(sequence);
    }

    @Override
    default void loadStates(MemorySegment states) {
        plan().loadStates(states);
    }

    @Override
    default void saveStates(MemorySegment states) {
        plan().saveStates(states);
    }

    @Override
    default void close() {
        plan().close();
    }
}
