package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Rules that make keys of their own, one for each value head, from k and a gate:
 *
 * <ul>
 *   <li>gated-delta-2 (arXiv 2605.22791): erases by b ∘ k, writes w ∘ v
 *   <li>preconditioned-delta (2604.21100): writes by k ∘ M
 *   <li>online-scaled-delta (2605.13473): writes by d ∘ k, and d learns. The paper's rule for d was not to be found; this
 *       one is ours: one step of rate · normalised gradient descent on ½‖Sᵀk − v‖² a token,
 *       d ← d + rate · β (1 − β Σ d k²) k² / ‖k‖², from d = 1
 * </ul>
 */
final class PreparedKeysRule implements DeltaRule {
    private enum Keys {
        ERASE_GATE,
        WRITE_SCALE,
        ONLINE_SCALE
    }

    private final RuleSettings settings;
    private final Keys keys;
    private final Decay decay;
    private final Scratch scratch;
    private final float rate;
    private final List<Carried> carried;

    private PreparedKeysRule(RuleSettings settings, Keys keys, Decay decay, Scratch scratch) {
        this.settings = settings;
        this.keys = keys;
        this.decay = decay;
        this.scratch = scratch;
        this.rate = keys == Keys.ONLINE_SCALE ? settings.real("rate", 0.1) : 0;
        this.carried = keys == Keys.ONLINE_SCALE
                ? List.of(Carried.of("d", settings.sizes(), settings.sizes().keyDim(), 1))
                : List.of();
    }

    static DeltaRule gatedDelta2(RuleSettings settings, Scratch scratch) {
        return new PreparedKeysRule(settings, Keys.ERASE_GATE, Decay.CHANNEL, scratch);
    }

    static DeltaRule preconditioned(RuleSettings settings, Scratch scratch) {
        return new PreparedKeysRule(settings, Keys.WRITE_SCALE, settings.decay(), scratch);
    }

    static DeltaRule onlineScaled(RuleSettings settings, Scratch scratch) {
        return new PreparedKeysRule(settings, Keys.ONLINE_SCALE, settings.decay(), scratch);
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(decay, Erase.OWN_KEY, keys != Keys.ERASE_GATE, false, false, settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        AttentionSizes s = settings.sizes();
        boolean erases = keys == Keys.ERASE_GATE;
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.heads(),
                erases ? s.heads() : s.valueHeads(),
                erases ? s.valueHeads() : s.heads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim(),
                settings.headMap());
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        int tokens = call.sequences().tokens();
        int keyDim = settings.sizes().keyDim();
        MemorySegment q = UnitKeys.of(settings.unit(), call.tensor("q"), keyDim, tokens, "q", scratch);
        MemorySegment k = UnitKeys.of(settings.unit(), call.tensor("k"), keyDim, tokens, "k", scratch);
        MemorySegment g = call.tensor("g");
        return switch (keys) {
            case ERASE_GATE ->
                new DeltaOperands(q, k, scaled(k, call.tensor("erase"), tokens), gated(call), call.tensor("beta"), g);
            case WRITE_SCALE ->
                new DeltaOperands(
                        q, scaled(k, call.tensor("precond"), tokens), k, call.tensor("v"), call.tensor("beta"), g);
            case ONLINE_SCALE -> new DeltaOperands(q, online(k, call), k, call.tensor("v"), call.tensor("beta"), g);
        };
    }

    /** k of each value head's head, element by element times {@code by} [tokens, HV, K]. */
    private MemorySegment scaled(MemorySegment k, MemorySegment by, int tokens) {
        AttentionSizes s = settings.sizes();
        MemorySegment out = scratch.floats("made", tokens, (long) s.valueHeads() * s.keyDim());
        for (int t = 0; t < tokens; t++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                long from = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                long to = ((long) t * s.valueHeads() + h) * s.keyDim();
                for (int d = 0; d < s.keyDim(); d++) {
                    RuleCall.set(out, to + d, RuleCall.at(k, from + d) * RuleCall.at(by, to + d));
                }
            }
        }
        return out;
    }

    /** w ∘ v. */
    private MemorySegment gated(RuleCall call) {
        MemorySegment v = call.tensor("v");
        MemorySegment w = call.tensor("write");
        long elements = v.byteSize() / Float.BYTES;
        int tokens = call.sequences().tokens();
        MemorySegment out = scratch.floats("v", tokens, tokens == 0 ? 0 : elements / tokens);
        for (long i = 0; i < elements; i++) {
            RuleCall.set(out, i, RuleCall.at(v, i) * RuleCall.at(w, i));
        }
        return out;
    }

    /** d ∘ k, with d moving from token to token; it depends on neither v nor the state. */
    private MemorySegment online(MemorySegment k, RuleCall call) {
        AttentionSizes s = settings.sizes();
        Sequences sequences = call.sequences();
        MemorySegment beta = call.tensor("beta");
        MemorySegment out = scratch.floats("made", sequences.tokens(), (long) s.valueHeads() * s.keyDim());
        float[] scales = carried.getFirst().values();
        for (int n = 0; n < sequences.count(); n++) {
            for (int h = 0; h < s.valueHeads(); h++) {
                int at = carried.getFirst().at(n, h, s.valueHeads());
                for (int t = sequences.first(n); t < sequences.end(n); t++) {
                    long from = ((long) t * s.heads() + settings.head(h)) * s.keyDim();
                    long to = ((long) t * s.valueHeads() + h) * s.keyDim();
                    double norm = 0;
                    double seen = 0;
                    for (int d = 0; d < s.keyDim(); d++) {
                        float key = RuleCall.at(k, from + d);
                        RuleCall.set(out, to + d, scales[at + d] * key);
                        norm += (double) key * key;
                        seen += (double) scales[at + d] * key * key;
                    }
                    float b = RuleCall.at(beta, (long) t * s.valueHeads() + h);
                    double step = norm == 0 ? 0 : rate * b * (1 - b * seen) / norm;
                    for (int d = 0; d < s.keyDim(); d++) {
                        float key = RuleCall.at(k, from + d);
                        scales[at + d] += (float) (step * key * key);
                    }
                }
            }
        }
        return out;
    }

    @Override
    public List<Carried> carried() {
        return carried;
    }
}
