package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * What the kernels of a delta step's gradients hand on.
 *
 * @param starts states at the beginnings of chunks [chunks, HV, V, K]
 * @param ends gradients at their ends [chunks, HV, V, K]
 * @param errors [tokens, HV, V], before beta
 * @param written [tokens, HV, V], the same times beta
 * @param dWritten its gradient
 * @param rows sections of gradients [4, tokens, HV, K]
 * @param lines gradients of log decays [tokens, HV], where those of heads are their sums
 */
record BackwardScratch(
        FloatArray starts,
        FloatArray ends,
        FloatArray errors,
        FloatArray written,
        FloatArray dWritten,
        FloatArray rows,
        FloatArray lines) {
    static BackwardScratch of(DeltaGradientArrays a, NativeArrays memory) {
        DeltaSizes sizes = a.own().sizes();
        DeltaStep step = a.own().step();
        long tokens = sizes.tokens();
        long states = a.chunks() * sizes.stateElements(1);
        long values = sizes.valueElements(tokens);
        return new BackwardScratch(
                memory.floats(states),
                memory.floats(states),
                memory.floats(step.beta() ? values : 0),
                memory.floats(values),
                memory.floats(values),
                memory.floats(DeltaGradient.SECTIONS * sizes.decayElements(Decay.CHANNEL, tokens)),
                memory.floats(step.decay() == Decay.HEAD ? sizes.betaElements(tokens) : 0));
    }

    List<TornadoNativeArray> arrays() {
        return List.of(starts, ends, errors, written, dWritten, rows, lines);
    }
}
