package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * xLSTM's matrix memory (arXiv 2405.04517; sigmoid gates 2503.14376) as linear attention with a scalar decay. The stabiliser
 * depends on the gates only, so it is found ahead, and S and n are those divided by exp m:
 *
 * <pre>
 * m_t = max(log σ(f_t) + m_(t−1), i_t),  decay = log σ(f_t) + m_(t−1) − m_t,  key = exp(i_t − m_t) k_t
 * o_t = scale Sᵀq / (max(|scale n·q|, exp(−m_t)) + eps)
 * </pre>
 *
 * <p>With {@code input-gate=sigmoid} the decay is log σ(f) and the key σ(i) k; o is not divided, or with
 * {@code normalize=true} by max(|scale n·q|, 1) + eps.
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
        return new DeltaStep(Decay.TOKEN, Erase.NONE, false, false, false, settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        AttentionSizes s = settings.sizes();
        return OnesColumn.sizes(new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.heads(),
                s.valueHeads(),
                s.valueHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim(),
                settings.headMap()));
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        Sequences sequences = call.sequences();
        int tokens = sequences.tokens();
        MemorySegment q = UnitKeys.of(settings.unit(), call.tensor("q"), s.keyDim(), tokens, "q", scratch);
        MemorySegment k = UnitKeys.of(settings.unit(), call.tensor("k"), s.keyDim(), tokens, "k", scratch);
        MemorySegment keys = scratch.floats("keys", tokens, (long) s.valueHeads() * s.keyDim());
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
                    long from = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                    for (int d = 0; d < s.keyDim(); d++) {
                        RuleCall.set(keys, at * s.keyDim() + d, (float) (factor * RuleCall.at(k, from + d)));
                    }
                }
                if (exponential) {
                    carried.getFirst().values()[n * s.valueHeads() + h] = (float) m;
                }
            }
        }
        return new DeltaOperands(
                q,
                keys,
                DeltaOperands.NOTHING,
                OnesColumn.of(call.tensor("v"), s.valueDim(), tokens, s.valueHeads(), scratch),
                DeltaOperands.NOTHING,
                decays);
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
        AttentionSizes s = settings.sizes();
        MemorySegment none = DeltaOperands.NOTHING;
        boolean back = backThroughGates(call);
        return new DeltaGradients(
                call.wanted("q"),
                back ? scratch.floats("dKeys", call.tokens(), (long) s.valueHeads() * s.keyDim()) : none,
                none,
                OnesColumn.valueGradients(call, s, scratch),
                none,
                back ? scratch.floats("dg", call.tokens(), s.valueHeads()) : none,
                initialStates);
    }

    private static boolean backThroughGates(BackwardCall call) {
        return call.wantsAny("k", "i", "f", AttentionBackwardPlan.INITIAL + "m");
    }

    @Override
    public void finishGradients(BackwardCall call) {
        AttentionSizes s = settings.sizes();
        SharedKeys.unit(settings.unit(), call.tensor("q"), call.wanted("q"), s.keyDim());
        OnesColumn.finishValueGradients(call, s, scratch);
        if (backThroughGates(call)) {
            MemorySegment dK = scratch.floats("dk", call.tokens(), (long) s.heads() * s.keyDim());
            dK.fill((byte) 0);
            gatesBackward(call, dK);
            if (call.wantsAny("k")) {
                call.wanted("k").copyFrom(dK);
                SharedKeys.unit(settings.unit(), call.tensor("k"), call.wanted("k"), s.keyDim());
            }
        }
    }

    private void gatesBackward(BackwardCall call, MemorySegment dK) {
        Sequences sequences = call.sequences();
        int heads = settings.sizes().valueHeads();
        MemorySegment k =
                UnitKeys.of(settings.unit(), call.tensor("k"), settings.sizes().keyDim(), call.tokens(), "k", scratch);
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < heads; h++) {
                int at = n * heads + h;
                double dM = exponential ? call.dFinal(carried.getFirst(), at) : 0;
                for (int t = sequences.end(n) - 1; t >= sequences.first(n); t--) {
                    dM = tokenBackward(call, k, t, h, dK, dM);
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
    private double tokenBackward(BackwardCall call, MemorySegment k, int t, int h, MemorySegment dK, double dM) {
        AttentionSizes s = settings.sizes();
        int tokens = call.tokens();
        long line = (long) t * s.valueHeads() + h;
        long key = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
        MemorySegment dKeys = scratch.floats("dKeys", tokens, (long) s.valueHeads() * s.keyDim());
        double factor = RuleCall.at(scratch.floats("factors", tokens, s.valueHeads()), line);
        double dFactor = 0;
        for (int d = 0; d < s.keyDim(); d++) {
            double dKey = RuleCall.at(dKeys, line * s.keyDim() + d);
            dFactor += dKey * RuleCall.at(k, key + d);
            RuleCall.set(dK, key + d, (float) (RuleCall.at(dK, key + d) + factor * dKey));
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
