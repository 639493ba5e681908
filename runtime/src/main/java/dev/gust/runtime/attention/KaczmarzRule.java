package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;

/** The delta rule with Kaczmarz's step (arXiv 2605.08587): beta = eta / (‖k‖² + 10⁻⁶), for keys that are not of length 1. */
final class KaczmarzRule implements DifferentiableDeltaRule {
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
        for (int t = 0; t < tokens; t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long at = (long) t * s.valueHeads() + h;
                RuleCall.set(beta, at, (float) (RuleCall.at(eta, at) / squares(k, key(t, h))));
            }
        }
        return new DeltaOperands(q, k, DeltaOperands.NOTHING, call.tensor("v"), beta, call.tensor("g"));
    }

    /** Where the key of a value head begins. */
    private long key(int t, int valueHead) {
        AttentionSizes s = settings.sizes();
        return ((long) t * s.heads() + settings.head(valueHead)) * s.keyDim();
    }

    /** ‖k‖² + ε. */
    private double squares(MemorySegment k, long at) {
        double squares = EPSILON;
        for (int d = 0; d < settings.sizes().keyDim(); d++) {
            double key = RuleCall.at(k, at + d);
            squares += key * key;
        }
        return squares;
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        MemorySegment none = DeltaOperands.NOTHING;
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                none,
                call.wanted("v"),
                call.wantsAny("k", "eta")
                        ? scratch.floats(
                                "dBeta", call.tokens(), settings.sizes().valueHeads())
                        : none,
                call.wanted("g"),
                initialStates);
    }

    /** Back through beta = eta / s: deta = dbeta / s, and dk = −2 k Σ_heads dbeta beta / s more. */
    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        SharedKeys.unit(settings.unit(), call.tensor("q"), call.wanted("q"), s.keyDim());
        if (!call.wantsAny("k", "eta")) {
            return;
        }
        MemorySegment k = UnitKeys.of(settings.unit(), call.tensor("k"), s.keyDim(), call.tokens(), "k", scratch);
        MemorySegment dBeta = scratch.floats("dBeta", call.tokens(), s.valueHeads());
        for (int t = 0; t < call.tokens(); t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long at = (long) t * s.valueHeads() + h;
                long key = key(t, h);
                double squares = squares(k, key);
                double dEta = RuleCall.at(dBeta, at) / squares;
                if (call.wantsAny("eta")) {
                    RuleCall.set(call.wanted("eta"), at, (float) dEta);
                }
                double dSquares = -dEta * RuleCall.at(call.tensor("eta"), at) / squares;
                for (int d = 0; d < s.keyDim() && call.wantsAny("k"); d++) {
                    double more = 2 * RuleCall.at(k, key + d) * dSquares;
                    RuleCall.set(call.wanted("k"), key + d, (float) (RuleCall.at(call.wanted("k"), key + d) + more));
                }
            }
        }
        SharedKeys.unit(settings.unit(), call.tensor("k"), call.wanted("k"), s.keyDim());
    }
}
