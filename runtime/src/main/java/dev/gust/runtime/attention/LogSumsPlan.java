package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/** A delta step whose keys and decays are made by {@link LogSums} just before it runs; closes both, and tells the time of both. */
record LogSumsPlan(StatePlan<DeltaOperands> plan, LogSums sums) implements ForwardingPlan<DeltaOperands> {
    @Override
    public KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        return sums.times().plus(plan.run(operands, sequences, o));
    }

    @Override
    public void close() {
        plan.close();
        sums.close();
    }

    /** The same for gradients. */
    record Backward(BackwardPlan<DeltaOperands, DeltaGradients> plan, LogSums sums)
            implements BackwardPlan<DeltaOperands, DeltaGradients> {
        @Override
        public KernelTimes run(
                DeltaOperands operands,
                Sequences sequences,
                MemorySegment initialStates,
                MemorySegment dO,
                MemorySegment dFinalStates,
                DeltaGradients gradients) {
            KernelTimes times = plan.run(operands, sequences, initialStates, dO, dFinalStates, gradients);
            return sums.times().plus(times);
        }

        @Override
        public void close() {
            plan.close();
            sums.close();
        }
    }
}
