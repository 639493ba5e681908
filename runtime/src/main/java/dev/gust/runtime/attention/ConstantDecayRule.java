package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Linear attention whose heads decay by constants of their own: retention (arXiv 2307.08621), γ = 1 − 2^(−5−h), and
 * lightning attention (2401.04658).
 */
final class ConstantDecayRule implements DifferentiableDeltaRule {
    private final RuleSettings settings;
    private final float[] decays;
    private final boolean ahead;
    private final MemorySegment g;

    /**
     * @param decays natural logarithms, one for each value head
     * @param ahead whether users see states that have decayed once more, as Lightning Attention-2 stores them
     */
    private ConstantDecayRule(RuleSettings settings, double[] decays, boolean ahead) {
        this.settings = settings;
        this.ahead = ahead;
        this.decays = new float[decays.length];
        this.g = Arena.ofAuto().allocate((long) decays.length * Float.BYTES, 64);
        for (int h = 0; h < decays.length; h++) {
            this.decays[h] = (float) decays[h];
            RuleCall.set(g, h, this.decays[h]);
        }
    }

    static DeltaRule retention(RuleSettings settings) {
        double[] decays = new double[settings.sizes().valueHeads()];
        for (int h = 0; h < decays.length; h++) {
            decays[h] = Math.log1p(-Math.pow(2, -5.0 - h));
        }
        return new ConstantDecayRule(settings, decays, false);
    }

    /** Slopes of Lightning Attention-2, or, with {@code slopes=linear}, flash-linear-attention's. */
    static DeltaRule lightning(RuleSettings settings) {
        int heads = settings.sizes().valueHeads();
        int layers = settings.number("layers", 1, 1, 1 << 20);
        int layer = settings.number("layer", 0, 0, layers - 1);
        boolean linear = settings.word("slopes", "geometric", "linear").equals("linear");
        double[] decays = new double[heads];
        for (int h = 0; h < heads; h++) {
            decays[h] = linear
                    ? -(8.0 / heads) * (1 - (double) layer / layers) * h
                    : -slope(h, heads) * (1 - (layers == 1 ? 0 : (double) layer / (layers - 1)) + 1e-5);
        }
        return new ConstantDecayRule(
                settings, decays, settings.word("state", "current", "ahead").equals("ahead"));
    }

    /**
     * ALiBi's slopes: powers of 2^(−8/n) for n heads, n a power of two; heads beyond that take every second of those for 2n
     * heads.
     */
    private static double slope(int head, int heads) {
        int power = Integer.highestOneBit(heads);
        return head < power
                ? Math.pow(2, -8.0 * (head + 1) / power)
                : Math.pow(2, -8.0 * (2 * (head - power) + 1) / (2 * power));
    }

    @Override
    public DeltaStep step() {
        return new DeltaStep(
                Decay.HEAD, Erase.NONE, false, Read.AFTER, Normalize.each(settings.unit()), settings.scale());
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public DeltaOperands operands(RuleCall call) {
        return new DeltaOperands(
                call.tensor("q"), call.tensor("k"), DeltaOperands.NOTHING, call.tensor("v"), DeltaOperands.NOTHING, g);
    }

    @Override
    public float stateFactor(int head) {
        return ahead ? (float) Math.exp(decays[head]) : 1;
    }

    /** The decays are nobody's to learn. */
    @Override
    public DeltaGradients route(BackwardCall call, MemorySegment initialStates) {
        return new DeltaGradients(
                call.wanted("q"),
                call.wanted("k"),
                DeltaOperands.NOTHING,
                call.wanted("v"),
                DeltaOperands.NOTHING,
                DeltaOperands.NOTHING,
                initialStates);
    }
}
