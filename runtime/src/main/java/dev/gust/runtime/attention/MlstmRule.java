package dev.gust.runtime.attention;

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
final class MlstmRule implements DeltaRule {
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
        this.normalizes = settings.flag("normalize", exponential) || exponential;
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
        OnesColumn.divide(
                raw,
                o,
                s.valueDim(),
                (row, sum) -> normalizes ? Math.max(Math.abs(sum), RuleCall.at(least, row)) + epsilon : 1);
    }

    @Override
    public List<Carried> carried() {
        return carried;
    }

    @Override
    public boolean hasNormalizer() {
        return true;
    }
}
