package dev.gust.runtime.attention;

import java.util.SplittableRandom;

/**
 * How a case's log decays are drawn.
 *
 * @param kind how
 * @param normaliser what logsigmoid(randn) is divided by: small ones decay strongly
 * @param maskP the fraction of gates that are 0 instead
 */
public record CaseGates(Kind kind, double normaliser, double maskP) {
    /** Kinds of gates. */
    public enum Kind {
        /** logsigmoid(randn) / normaliser, as FLA's tests draw them. */
        LOG_SIGMOID,
        /** No decay at all, on every path that has one. */
        ZERO,
        /** −166 for every token, −10,624 for a chunk of 64: what two heads of Qwen3-Next do. */
        RESET,
        /** A tenth of the tokens at −166, the others near 0: factored exponentials overflow where they meet. */
        SPIKES,
        /** Every gate at −5, the strongest that a bounded gate can be. */
        BOUND
    }

    private static final double STRONGEST = -166;
    private static final double LOWER_BOUND = -5;

    public static final CaseGates USUAL = logSigmoid(1, 0);
    public static final CaseGates ZERO = new CaseGates(Kind.ZERO, 1, 0);
    public static final CaseGates RESET = new CaseGates(Kind.RESET, 1, 0);
    public static final CaseGates SPIKES = new CaseGates(Kind.SPIKES, 1, 0);
    public static final CaseGates BOUND = new CaseGates(Kind.BOUND, 1, 0);

    public static CaseGates logSigmoid(double normaliser, double maskP) {
        return new CaseGates(Kind.LOG_SIGMOID, normaliser, maskP);
    }

    /** So many gates; those of 0 are exactly 0. */
    float[] draw(SplittableRandom random, int count) {
        float[] gates = new float[count];
        for (int i = 0; i < count; i++) {
            double gate = switch (kind) {
                case LOG_SIGMOID -> Dense.logSigmoid(random.nextGaussian()) / normaliser;
                case ZERO -> 0;
                case RESET -> STRONGEST;
                case SPIKES -> random.nextInt(10) == 0 ? STRONGEST : -1e-3 * random.nextDouble();
                case BOUND -> LOWER_BOUND;
            };
            gates[i] = random.nextDouble() < maskP ? 0 : (float) gate;
        }
        return gates;
    }
}
