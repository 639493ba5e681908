package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;

/**
 * Online-scaled delta (arXiv 2605.13473): writes by d ∘ k, and d learns. The paper's rule for d was not to be found; this one
 * is ours: one step of rate · normalised gradient descent on ½‖Sᵀk − v‖² a token,
 * d ← d + rate · β (1 − β Σ d k²) k² / ‖k‖², from d = 1. It depends on neither v nor the state, so it goes ahead of the step.
 * Where the step divides k by its length, and d ∘ k by the same, the squares here are of the quotient.
 */
final class OnlineScaledRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;
    private final double rate;
    private final Carried carried;

    OnlineScaledRule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
        this.rate = settings.real("rate", 0.1);
        this.carried = Carried.of("d", settings.sizes(), settings.sizes().keyDim(), 1);
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                settings.decay(),
                Erase.OWN_KEY,
                true,
                Read.AFTER,
                Normalize.BY_ERASE_KEY.when(settings.unit()),
                settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return PreparedKeysRule.sizes(settings, true);
    }

    @Override
    public List<Carried> carried() {
        return List.of(carried);
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        MemorySegment k = call.tensor("k");
        MemorySegment keys = channels("keys", tokens);
        walk(call, carried.values(), (from, to, scales, at) -> {
            for (int d = 0; d < s.keyDim(); d++) {
                RuleCall.set(keys, to + d, scales[at + d] * RuleCall.at(k, from + d));
            }
        });
        return new DeltaOperands(call.tensor("q"), keys, k, call.tensor("v"), call.tensor("beta"), call.tensor("g"));
    }

    private MemorySegment channels(String name, int tokens) {
        AttentionSizes s = settings.sizes();
        return scratch.floats(name, tokens, (long) s.valueHeads() * s.keyDim());
    }

    /** Sees the scales that a token writes with, before it moves them. */
    private interface Visitor {
        /**
         * @param key where the token's k begins
         * @param line where the value head's channels begin
         * @param at where its scales begin
         */
        void see(long key, long line, float[] scales, int at);
    }

    /** Moves the scales from token to token. */
    private void walk(RuleCall call, float[] scales, Visitor visitor) {
        AttentionSizes s = settings.sizes();
        MemorySegment k = call.tensor("k");
        Sequences sequences = call.sequences();
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                int at = carried.at(n, h, s.valueHeads());
                for (int t = sequences.first(n); t < sequences.end(n); t++) {
                    long line = (long) t * s.valueHeads() + h;
                    long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                    visitor.see(key, line * s.keyDim(), scales, at);
                    double unit = unit(k, key);
                    double norm = 0;
                    double seen = 0;
                    for (int d = 0; d < s.keyDim(); d++) {
                        double square = unit * square(k, key + d);
                        norm += square;
                        seen += scales[at + d] * square;
                    }
                    double beta = RuleCall.at(call.tensor("beta"), line);
                    double step = norm == 0 ? 0 : rate * beta * (1 - beta * seen) / norm;
                    for (int d = 0; d < s.keyDim(); d++) {
                        scales[at + d] += (float) (step * unit * square(k, key + d));
                    }
                }
            }
        }
    }

    /** What squares of a key are multiplied by: one over its squared length, if the step divides by that. */
    private double unit(MemorySegment k, long key) {
        double squares = UnitRows.EPSILON;
        for (int d = 0; d < settings.sizes().keyDim(); d++) {
            squares += square(k, key + d);
        }
        return settings.unit() ? 1 / squares : 1;
    }

    private static double square(MemorySegment k, long i) {
        double key = RuleCall.at(k, i);
        return key * key;
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        int tokens = call.tokens();
        MemorySegment none = DeltaOperands.NOTHING;
        boolean back = backThroughScales(call);
        return new DeltaGradients(
                call.wanted("q"),
                back ? channels("dKeys", tokens) : none,
                back ? keys(tokens) : none,
                call.wanted("v"),
                call.wanted("beta"),
                call.wanted("g"),
                initialStates);
    }

    private static boolean backThroughScales(BackwardCall call) {
        return call.wantsAny("k", "beta", AttentionBackwardPlan.INITIAL + "d");
    }

    private MemorySegment keys(int tokens) {
        AttentionSizes s = settings.sizes();
        return scratch.floats("dk", tokens, (long) s.heads() * s.keyDim());
    }

    @Override
    public void finishGradients(BackwardCall call) {
        if (backThroughScales(call)) {
            scalesBackward(call);
            if (call.wantsAny("k")) {
                call.wanted("k").copyFrom(keys(call.tokens()));
            }
        }
    }

    private void scalesBackward(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        MemorySegment scales = channels("scales", call.tokens());
        float[] start = new float[carried.values().length];
        Arrays.fill(start, carried.fill());
        MemorySegment initial = call.initial().getOrDefault(carried.name(), DeltaOperands.NOTHING);
        MemorySegment.copy(
                initial, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, start, 0, (int) (initial.byteSize() / Float.BYTES));
        walk(call.call(), start, (_, line, values, at) -> {
            for (int d = 0; d < s.keyDim(); d++) {
                RuleCall.set(scales, line + d, values[at + d]);
            }
        });
        Sequences sequences = call.sequences();
        double[] dScales = new double[s.keyDim()];
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                int at = carried.at(n, h, s.valueHeads());
                for (int d = 0; d < s.keyDim(); d++) {
                    dScales[d] = call.dFinal(carried, at + d);
                }
                for (int t = sequences.end(n) - 1; t >= sequences.first(n); t--) {
                    token(call, scales, t, h, dScales);
                }
                for (int d = 0; d < s.keyDim(); d++) {
                    call.setInitial(carried, at + d, dScales[d]);
                }
            }
        }
    }

    /**
     * One token back: with p = k², n = Σp, s = d·p and c = rate β (1 − βs) / n, its scales' gradient goes through d + cp, and
     * that of the key that it wrote through d ∘ k. Where p = k² / (Σ k² + 10⁻⁶), dk is 2 k (dp − Σ dp p) / (Σ k² + 10⁻⁶).
     */
    private void token(BackwardCall call, MemorySegment scales, int t, int h, double[] dScales) {
        AttentionSizes s = settings.sizes();
        MemorySegment k = call.tensor("k");
        long line = (long) t * s.valueHeads() + h;
        long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
        long channels = line * s.keyDim();
        double unit = unit(k, key);
        double norm = 0;
        double seen = 0;
        double dStep = 0;
        for (int d = 0; d < s.keyDim(); d++) {
            double square = unit * square(k, key + d);
            norm += square;
            seen += RuleCall.at(scales, channels + d) * square;
            dStep += dScales[d] * square;
        }
        double beta = RuleCall.at(call.tensor("beta"), line);
        double perNorm = norm == 0 ? 0 : rate / norm;
        double step = perNorm * beta * (1 - beta * seen);
        double dSeen = -perNorm * beta * beta * dStep;
        double dNorm = norm == 0 ? 0 : -step / norm * dStep;
        if (call.wantsAny("beta")) {
            MemorySegment dBeta = call.wanted("beta");
            double more = perNorm * (1 - 2 * beta * seen) * dStep;
            RuleCall.set(dBeta, line, (float) (RuleCall.at(dBeta, line) + more));
        }
        MemorySegment dWritten = channels("dKeys", call.tokens());
        MemorySegment dK = keys(call.tokens());
        double[] dSquares = new double[s.keyDim()];
        double inward = 0;
        for (int d = 0; d < s.keyDim(); d++) {
            dSquares[d] = step * dScales[d] + RuleCall.at(scales, channels + d) * dSeen + dNorm;
            inward += settings.unit() ? unit * square(k, key + d) * dSquares[d] : 0;
        }
        for (int d = 0; d < s.keyDim(); d++) {
            double value = RuleCall.at(k, key + d);
            double dWrite = RuleCall.at(dWritten, channels + d);
            double more = RuleCall.at(scales, channels + d) * dWrite + 2 * value * unit * (dSquares[d] - inward);
            RuleCall.set(dK, key + d, (float) (RuleCall.at(dK, key + d) + more));
            dScales[d] += unit * value * value * dSeen + value * dWrite;
        }
    }
}
