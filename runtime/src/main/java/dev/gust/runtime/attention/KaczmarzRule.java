package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;

/** The delta rule with Kaczmarz's step (arXiv 2605.08587): beta = eta / (‖k‖² + 10⁻⁶), for keys that are not of length 1. */
final class KaczmarzRule implements DeltaRule {
    private static final double EPSILON = 1e-6;

    private final RuleSettings settings;
    private final Scratch scratch;

    KaczmarzRule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, false, false, settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        MemorySegment q = UnitKeys.of(settings.unit(), call.tensor("q"), s.keyDim(), tokens, "q", scratch);
        MemorySegment k = UnitKeys.of(settings.unit(), call.tensor("k"), s.keyDim(), tokens, "k", scratch);
        MemorySegment eta = call.tensor("eta");
        MemorySegment beta = scratch.floats("beta", tokens, s.valueHeads());
        double[] squares = new double[s.heads()];
        for (int t = 0; t < tokens; t++) {
            for (int h = 0; h < s.heads(); h++) {
                squares[h] = EPSILON;
                for (int d = 0; d < s.keyDim(); d++) {
                    float key = RuleCall.at(k, ((long) t * s.heads() + h) * s.keyDim() + d);
                    squares[h] += (double) key * key;
                }
            }
            for (int h = 0; h < s.valueHeads(); h++) {
                long at = (long) t * s.valueHeads() + h;
                RuleCall.set(beta, at, (float) (RuleCall.at(eta, at) / squares[settings.head(h)]));
            }
        }
        return new DeltaOperands(q, k, DeltaOperands.NOTHING, call.tensor("v"), beta, call.tensor("g"));
    }
}
