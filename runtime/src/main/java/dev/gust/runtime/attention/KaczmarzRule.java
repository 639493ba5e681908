package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;

/**
 * The delta rule with Kaczmarz's step (arXiv 2605.08587): beta = eta / (‖k‖² + 10⁻⁶), for keys that are not of length 1. Where the
 * step divides k by its length, ‖k‖² is that of the quotient, Σ k² / (Σ k² + 10⁻⁶).
 */
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
        return new DeltaStep(
                Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        MemorySegment k = call.tensor("k");
        MemorySegment eta = call.tensor("eta");
        MemorySegment beta = scratch.floats("beta", tokens, s.valueHeads());
        for (int t = 0; t < tokens; t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long at = (long) t * s.valueHeads() + h;
                RuleCall.set(beta, at, (float) (RuleCall.at(eta, at) / divisor(squares(k, key(t, h)))));
            }
        }
        return new DeltaOperands(call.tensor("q"), k, DeltaOperands.NOTHING, call.tensor("v"), beta, call.tensor("g"));
    }

    /** Where the key of a value head begins. */
    private long key(int t, int valueHead) {
        AttentionSizes s = settings.sizes();
        return ((long) t * s.heads() + settings.head(valueHead)) * s.keyDim();
    }

    /** What eta is divided by. */
    private double divisor(double squares) {
        return (settings.unit() ? squares / (squares + UnitRows.EPSILON) : squares) + EPSILON;
    }

    /** How that changes with Σ k². */
    private double slope(double squares) {
        double length = squares + UnitRows.EPSILON;
        return settings.unit() ? UnitRows.EPSILON / (length * length) : 1;
    }

    /** Σ k². */
    private double squares(MemorySegment k, long at) {
        double squares = 0;
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

    /** Back through beta = eta / s: deta = dbeta / s, and dk = −2 k s′ Σ_heads dbeta beta / s more. */
    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        if (!call.wantsAny("k", "eta")) {
            return;
        }
        MemorySegment k = call.tensor("k");
        MemorySegment dBeta = scratch.floats("dBeta", call.tokens(), s.valueHeads());
        for (int t = 0; t < call.tokens(); t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long at = (long) t * s.valueHeads() + h;
                long key = key(t, h);
                double squares = squares(k, key);
                double divisor = divisor(squares);
                double dEta = RuleCall.at(dBeta, at) / divisor;
                if (call.wantsAny("eta")) {
                    RuleCall.set(call.wanted("eta"), at, (float) dEta);
                }
                double dSquares = -dEta * RuleCall.at(call.tensor("eta"), at) / divisor * slope(squares);
                for (int d = 0; d < s.keyDim() && call.wantsAny("k"); d++) {
                    double more = 2 * RuleCall.at(k, key + d) * dSquares;
                    RuleCall.set(call.wanted("k"), key + d, (float) (RuleCall.at(call.wanted("k"), key + d) + more));
                }
            }
        }
    }
}
