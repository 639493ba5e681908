package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.function.Consumer;

/**
 * A plan whose operands' gates are looked through before it runs. Rules have done that when they run theirs.
 *
 * @param gates throws if there is a bad one
 */
record GatedPlan<X>(StatePlan<X> plan, Consumer<X> gates) implements ForwardingPlan<X> {
    @Override
    public KernelTimes run(X operands, Sequences sequences, MemorySegment o) {
        gates.accept(operands);
        return plan.run(operands, sequences, o);
    }

    /** The same for gradients. */
    record Backward<X, G>(BackwardPlan<X, G> plan, Consumer<X> gates) implements BackwardPlan<X, G> {
        @Override
        public KernelTimes run(
                X operands,
                Sequences sequences,
                MemorySegment initialStates,
                MemorySegment dO,
                MemorySegment dFinalStates,
                G gradients) {
            gates.accept(operands);
            return plan.run(operands, sequences, initialStates, dO, dFinalStates, gradients);
        }

        @Override
        public void close() {
            plan.close();
        }
    }
}
