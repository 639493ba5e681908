package dev.gust.runtime.attention.parallel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/** What mlstm's forget gates do to a scale over a part. */
final class ForgetSums {
    private ForgetSums() {}

    /**
     * Σ log σ(f) of each head, summed in float64.
     *
     * @param tensors among them f [tokens, HV]
     * @param transition receives [HV, K], the same for all channels of a head
     */
    static void logSigmoids(
            Map<String, MemorySegment> tensors, int tokens, StateChain chain, MemorySegment transition) {
        MemorySegment f = ChainStates.of(tensors, "f");
        for (int h = 0; h < chain.heads(); h++) {
            double sum = 0;
            for (int t = 0; t < tokens; t++) {
                sum += logSigmoid(f.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) t * chain.heads() + h));
            }
            for (int d = 0; d < chain.keyDim(); d++) {
                transition.setAtIndex(ValueLayout.JAVA_FLOAT, (long) h * chain.keyDim() + d, (float) sum);
            }
        }
    }

    private static double logSigmoid(double x) {
        return x < 0 ? x - Math.log1p(Math.exp(x)) : -Math.log1p(Math.exp(-x));
    }
}
