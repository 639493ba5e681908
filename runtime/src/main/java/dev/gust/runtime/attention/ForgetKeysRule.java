package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Rules whose keys and decays come from one tensor:
 *
 * <ul>
 *   <li>hgrn2 (arXiv 2404.07904): there is g only, and the key is 1 − exp g
 *   <li>lightnet (2405.21022): k are logarithms, z_t = log Σ exp k so far, the decay z_(t−1) − z_t and the key exp(k_t − z_t), so
 *       that S is the mean of v weighted by a softmax over the tokens so far
 * </ul>
 */
final class ForgetKeysRule implements DeltaRule {
    private final RuleSettings settings;
    private final Scratch scratch;
    private final List<Carried> carried;

    private ForgetKeysRule(RuleSettings settings, Scratch scratch, List<Carried> carried) {
        this.settings = settings;
        this.scratch = scratch;
        this.carried = carried;
    }

    static DeltaRule hgrn2(RuleSettings settings, Scratch scratch) {
        return new ForgetKeysRule(settings, scratch, List.of());
    }

    static DeltaRule lightNet(RuleSettings settings, Scratch scratch) {
        int keyDim = settings.sizes().keyDim();
        return new ForgetKeysRule(
                settings, scratch, List.of(Carried.of("z", settings.sizes(), keyDim, Float.NEGATIVE_INFINITY)));
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(Decay.CHANNEL, Erase.NONE, false, false, false, settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        AttentionSizes s = settings.sizes();
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.heads(),
                s.valueHeads(),
                s.valueHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim(),
                settings.headMap());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        AttentionSizes s = settings.sizes();
        int tokens = call.sequences().tokens();
        long perToken = (long) s.valueHeads() * s.keyDim();
        MemorySegment q = UnitKeys.of(settings.unit(), call.tensor("q"), s.keyDim(), tokens, "q", scratch);
        MemorySegment keys = scratch.floats("keys", tokens, perToken);
        MemorySegment g = call.tensor("g");
        if (carried.isEmpty()) {
            for (long i = 0; i < tokens * perToken; i++) {
                RuleCall.set(keys, i, (float) -Math.expm1(RuleCall.at(g, i)));
            }
        } else {
            g = scratch.floats("g", tokens, perToken);
            logSums(call, keys, g);
        }
        return new DeltaOperands(q, keys, DeltaOperands.NOTHING, call.tensor("v"), DeltaOperands.NOTHING, g);
    }

    private void logSums(RuleCall call, MemorySegment keys, MemorySegment g) {
        AttentionSizes s = settings.sizes();
        Sequences sequences = call.sequences();
        MemorySegment k = UnitKeys.of(settings.unit(), call.tensor("k"), s.keyDim(), sequences.tokens(), "k", scratch);
        float[] z = carried.getFirst().values();
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                int at = carried.getFirst().at(n, h, s.valueHeads());
                for (int d = 0; d < s.keyDim(); d++) {
                    double sum = z[at + d];
                    for (int t = sequences.first(n); t < sequences.end(n); t++) {
                        double key = RuleCall.at(k, ((long) t * s.heads() + settings.head(h)) * s.keyDim() + d);
                        double next = logAddExp(sum, key);
                        // Padding is −∞ before and after: nothing is kept, nothing is written.
                        boolean empty = next == Double.NEGATIVE_INFINITY;
                        long to = ((long) t * s.valueHeads() + h) * s.keyDim() + d;
                        RuleCall.set(g, to, empty ? 0 : (float) (sum - next));
                        RuleCall.set(keys, to, empty ? 0 : (float) Math.exp(key - next));
                        sum = next;
                    }
                    z[at + d] = (float) sum;
                }
            }
        }
    }

    private static double logAddExp(double a, double b) {
        double top = Math.max(a, b);
        return top == Double.NEGATIVE_INFINITY ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top));
    }

    @Override
    public List<Carried> carried() {
        return carried;
    }
}
