package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;

/**
 * The gradients of HGRN's recurrence by the recurrence itself, on whatever device it runs: dh_t = dO_t + e^(g_(t+1)) dh_(t+1)
 * is one more of it, over the tokens backward. Then dx = dh and dg_t = dh_t ∘ e^(g_t) ∘ h_(t−1).
 */
final class HgrnBackward implements BackwardPlan<HgrnOperands, HgrnGradients> {
    private final StatePlan<HgrnOperands> plan;
    private final DeltaSizes sizes;
    private final Scratch scratch;
    private boolean closed;

    /** @param plan closed with this one */
    HgrnBackward(StatePlan<HgrnOperands> plan, DeltaSizes sizes) {
        this.plan = plan;
        this.sizes = sizes;
        this.scratch = new Scratch(sizes.tokens());
    }

    @Override
    public synchronized KernelTimes run(
            HgrnOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            HgrnGradients gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of hgrn's gradients is closed");
        }
        operands.check(sizes, sequences, dO);
        gradients.check(sizes, sequences);
        DeltaGradients.checkStates(sizes, sequences, initialStates, dFinalStates);
        long start = System.nanoTime();
        MemorySegment h = floats("h", sequences);
        KernelTimes forward = run(operands, sequences, initialStates, h);
        MemorySegment backX = floats("x", sequences);
        MemorySegment backG = floats("g", sequences);
        turn(sequences, (t, back, last) -> {
            for (int d = 0; d < sizes.valueDim(); d++) {
                RuleCall.set(backX, back + d, RuleCall.at(dO, t + d));
                RuleCall.set(backG, back + d, last ? 0 : RuleCall.at(operands.g(), t + sizes.valueDim() + d));
            }
        });
        MemorySegment dH = floats("dh", sequences);
        KernelTimes backward = run(new HgrnOperands(backX, backG), sequences, dFinalStates, dH);
        turn(sequences, (t, back, _) -> {
            for (int d = 0; d < sizes.valueDim(); d++) {
                set(gradients.x(), t + d, RuleCall.at(dH, back + d));
            }
        });
        for (int n = 0; n < sequences.count(); n++) {
            decays(operands, sequences, n, initialStates, h, dH, dFinalStates, gradients);
        }
        return new KernelTimes(
                forward.kernel() + backward.kernel(),
                forward.transfer() + backward.transfer(),
                forward.compile() + backward.compile(),
                System.nanoTime() - start);
    }

    private MemorySegment floats(String name, Sequences sequences) {
        return scratch.floats(name, sequences.tokens(), sizes.valueDim());
    }

    private KernelTimes run(HgrnOperands operands, Sequences sequences, MemorySegment states, MemorySegment o) {
        for (int n = 0; n < sequences.count(); n++) {
            plan.clearState(n);
        }
        if (DeltaGradients.wanted(states)) {
            plan.loadStates(states);
        }
        return plan.run(operands, sequences, o);
    }

    private interface Turned {
        /**
         * @param t where a token's channels begin
         * @param back where they do in its sequence turned around
         * @param last whether it is its sequence's last
         */
        void at(long t, long back, boolean last);
    }

    private void turn(Sequences sequences, Turned each) {
        long channels = sizes.valueDim();
        for (int n = 0; n < sequences.count(); n++) {
            int first = sequences.first(n);
            int end = sequences.end(n);
            for (int t = first; t < end; t++) {
                each.at(t * channels, (first + end - 1L - t) * channels, t == end - 1);
            }
        }
    }

    /** The gradients of a sequence's decays, and of its state before the first token. */
    private void decays(
            HgrnOperands x,
            Sequences sequences,
            int n,
            MemorySegment initialStates,
            MemorySegment h,
            MemorySegment dH,
            MemorySegment dFinalStates,
            HgrnGradients gradients) {
        int channels = sizes.valueDim();
        int first = sequences.first(n);
        int end = sequences.end(n);
        for (int d = 0; d < channels; d++) {
            long state = (long) n * channels + d;
            float before = DeltaGradients.wanted(initialStates) ? RuleCall.at(initialStates, state) : 0;
            float gradient = DeltaGradients.wanted(dFinalStates) ? RuleCall.at(dFinalStates, state) : 0;
            for (int t = first; t < end; t++) {
                long at = (long) t * channels + d;
                double faded =
                        Math.exp(RuleCall.at(x.g(), at)) * RuleCall.at(dH, (first + end - 1L - t) * channels + d);
                set(gradients.g(), at, (float) (faded * before));
                before = RuleCall.at(h, at);
                gradient = t == first ? (float) faded : gradient;
            }
            set(gradients.initialStates(), state, gradient);
        }
    }

    private static void set(MemorySegment to, long at, float value) {
        if (DeltaGradients.wanted(to)) {
            RuleCall.set(to, at, value);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
            scratch.close();
        }
    }
}
