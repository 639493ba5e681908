package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * xLSTM's matrix memory (arXiv 2405.04517; sigmoid gates 2503.14376) as linear attention with a scalar decay. The stabiliser
 * depends on the gates only, so it is found ahead, and S and n are those divided by exp m:
 *
 * <pre>
 * m_t = max(log σ(f_t) + m_(t−1), i_t),  decay = log σ(f_t) + m_(t−1) − m_t,  factor = exp(i_t − m_t)
 * o_t = scale Sᵀq / (max(|scale n·q|, exp(−m_t)) + eps)
 * </pre>
 *
 * <p>k writes factor · v, and factor into n: heads of v may share a k though each has gates of its own. With
 * {@code input-gate=sigmoid} the decay is log σ(f) and the factor σ(i); o is not divided, or with {@code normalize=true} by
 * max(|scale n·q|, 1) + eps.
 */
final class MlstmRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;
    private final boolean exponential;
    private final boolean normalizes;
    private final float epsilon;
    private final List<Carried> carried;

    MlstmRule(RuleSettings settings, Scratch scratch) {
        this.settings = settings;
        this.scratch = scratch;
        this.exponential = settings.word("input-gate", "exp", "sigmoid").equals("exp");
        this.normalizes = settings.flag("normalize", exponential);
        if (exponential && !normalizes) {
            throw new UsageException(
                    "exponential gates that are not normalised", "leave normalize out, or set input-gate=sigmoid");
        }
        this.epsilon = settings.real("eps", 1e-6);
        this.carried = exponential ? List.of(Carried.of("m", settings.sizes(), 1, Float.NEGATIVE_INFINITY)) : List.of();
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.TOKEN, Erase.NONE, false, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return OnesColumn.sizes(settings.deltaSizes());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        Sequences sequences = call.sequences();
        int tokens = sequences.tokens();
        MemorySegment decays = scratch.floats("g", tokens, s.valueHeads());
        MemorySegment least = scratch.floats("least", tokens, s.valueHeads());
        MemorySegment factors = scratch.floats("factors", tokens, s.valueHeads());
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                double m = exponential ? carried.getFirst().values()[n * s.valueHeads() + h] : 0;
                for (int t = sequences.first(n); t < sequences.end(n); t++) {
                    long at = (long) t * s.valueHeads() + h;
                    double kept = logSigmoid(RuleCall.at(call.tensor("f"), at)) + m;
                    double input = RuleCall.at(call.tensor("i"), at);
                    double factor;
                    if (exponential) {
                        double top = Math.max(kept, input);
                        // Nothing was kept and nothing comes: a state of zeros stays as it is.
                        boolean empty = top == Double.NEGATIVE_INFINITY;
                        RuleCall.set(decays, at, empty ? 0 : (float) (kept - top));
                        factor = empty ? 0 : Math.exp(input - top);
                        m = top;
                        RuleCall.set(least, at, (float) Math.exp(-top));
                    } else {
                        RuleCall.set(decays, at, (float) kept);
                        factor = 1 / (1 + Math.exp(-input));
                        RuleCall.set(least, at, 1);
                    }
                    RuleCall.set(factors, at, (float) factor);
                }
                if (exponential) {
                    carried.getFirst().values()[n * s.valueHeads() + h] = (float) m;
                }
            }
        }
        MemorySegment written = OnesColumn.of(call.tensor("v"), s.valueDim(), tokens, s.valueHeads(), scratch);
        OnesColumn.multiply(written, factors, s.valueDim());
        return new DeltaOperands(
                call.tensor("q"), call.tensor("k"), DeltaOperands.NOTHING, written, DeltaOperands.NOTHING, decays);
    }

    private static double logSigmoid(double x) {
        return x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x));
    }

    @Override
    public boolean finishes() {
        return true;
    }

    @Override
    public void finish(RuleCall call, MemorySegment raw, MemorySegment o) {
        AttentionSizes s = settings.sizes();
        MemorySegment least = scratch.floats("least", call.sequences().tokens(), s.valueHeads());
        OnesColumn.divide(raw, o, s.valueDim(), (row, sum) -> divisor(sum, RuleCall.at(least, row)));
    }

    private double divisor(float sum, float least) {
        return normalizes ? Math.max(Math.abs(sum), least) + epsilon : 1;
    }

    @Override
    public List<Carried> carried() {
        return carried;
    }

    @Override
    public boolean hasNormalizer() {
        return true;
    }

    @Override
    public boolean needsOutput() {
        return normalizes;
    }

    /** Through the divisor: to |scale n·q| where that is the larger, otherwise to exp(−m). */
    @Override
    public MemorySegment outputGradient(BackwardCall call, MemorySegment raw) {
        AttentionSizes s = settings.sizes();
        int tokens = call.tokens();
        if (!normalizes) {
            return OnesColumn.widen(call.dO(), s, tokens, scratch);
        }
        MemorySegment least = scratch.floats("least", tokens, s.valueHeads());
        MemorySegment dLeast = scratch.floats("dLeast", tokens, s.valueHeads());
        return OnesColumn.divideBackward(
                raw,
                call.dO(),
                s.valueDim(),
                (row, sum) -> divisor(sum, RuleCall.at(least, row)),
                (row, sum, dDivisor) -> {
                    boolean larger = Math.abs(sum) >= RuleCall.at(least, row);
                    RuleCall.set(dLeast, row, larger ? 0 : (float) dDivisor);
                    return larger ? Math.signum(sum) * dDivisor : 0;
                },
                scratch,
                tokens);
    }

    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        MemorySegment none = DeltaOperands.NOTHING;
        boolean back = backThroughGates(call);
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                none,
                back || call.wantsAny("v") ? written(call) : none,
                none,
                back ? scratch.floats("dg", call.tokens(), settings.sizes().valueHeads()) : none,
                initialStates);
    }

    /** The gradient of factor · [v, 1]. */
    private MemorySegment written(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        return scratch.floats("dWritten", call.tokens(), (long) s.valueHeads() * (s.valueDim() + 1));
    }

    private static boolean backThroughGates(BackwardCall call) {
        return call.wantsAny("i", "f", AttentionBackwardPlan.INITIAL + "m");
    }

    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        if (call.wantsAny("v")) {
            MemorySegment dV = call.wanted("v");
            MemorySegment dWritten = written(call);
            MemorySegment factors = scratch.floats("factors", call.tokens(), s.valueHeads());
            for (long line = 0; line < (long) call.tokens() * s.valueHeads(); line++) {
                float factor = RuleCall.at(factors, line);
                for (int c = 0; c < s.valueDim(); c++) {
                    float gradient = RuleCall.at(dWritten, line * (s.valueDim() + 1) + c);
                    RuleCall.set(dV, line * s.valueDim() + c, factor * gradient);
                }
            }
        }
        if (backThroughGates(call)) {
            gatesBackward(call);
        }
    }

    private void gatesBackward(BackwardCall call) {
        Sequences sequences = call.sequences();
        int heads = settings.sizes().valueHeads();
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < heads; h++) {
                int at = n * heads + h;
                double dM = exponential ? call.dFinal(carried.getFirst(), at) : 0;
                for (int t = sequences.end(n) - 1; t >= sequences.first(n); t--) {
                    dM = tokenBackward(call, t, h, dM);
                }
                if (exponential) {
                    call.setInitial(carried.getFirst(), at, dM);
                }
            }
        }
    }

    /**
     * One token's gates. m is taken as the maximum that it is: what o, z and S are divided by is theirs to see, in what is
     * carried, in ε and where exp(−m) divides, so its gradient is not always zero.
     *
     * @param dM the gradient of m behind the token
     * @return that before it
     */
    private double tokenBackward(BackwardCall call, int t, int h, double dM) {
        AttentionSizes s = settings.sizes();
        int tokens = call.tokens();
        long line = (long) t * s.valueHeads() + h;
        MemorySegment dWritten = written(call);
        double factor = RuleCall.at(scratch.floats("factors", tokens, s.valueHeads()), line);
        long at = line * (s.valueDim() + 1);
        double dFactor = RuleCall.at(dWritten, at + s.valueDim());
        for (int c = 0; c < s.valueDim(); c++) {
            dFactor += (double) RuleCall.at(dWritten, at + c) * RuleCall.at(call.tensor("v"), line * s.valueDim() + c);
        }
        double dKept = RuleCall.at(scratch.floats("dg", tokens, s.valueHeads()), line);
        double dInput = factor * dFactor;
        double before = 0;
        if (exponential) {
            double least = RuleCall.at(scratch.floats("least", tokens, s.valueHeads()), line);
            double dLeast = RuleCall.at(scratch.floats("dLeast", tokens, s.valueHeads()), line);
            double decay = RuleCall.at(scratch.floats("g", tokens, s.valueHeads()), line);
            boolean empty = factor == 0 && decay == 0;
            // What exp(−m) divides is zero where that is infinite.
            double top = empty ? 0 : dM - dKept - dInput - (least < Float.POSITIVE_INFINITY ? least * dLeast : 0);
            dKept = empty ? 0 : decay == 0 ? dKept + top : dKept;
            dInput = decay == 0 ? dInput : dInput + top;
            before = dKept;
        } else {
            dInput *= 1 - factor;
        }
        if (call.wantsAny("i")) {
            RuleCall.set(call.wanted("i"), line, (float) dInput);
        }
        if (call.wantsAny("f")) {
            double forget = RuleCall.at(call.tensor("f"), line);
            RuleCall.set(call.wanted("f"), line, (float) (dKept / (1 + Math.exp(forget))));
        }
        return before;
    }
}
