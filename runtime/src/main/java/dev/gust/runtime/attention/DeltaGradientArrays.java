package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of the kernels of a delta step's gradients.
 *
 * @param own the step's; its states are those where sequences begin, and its o holds the gradient of o
 * @param dState goes in as the gradient of the final states, comes back as that of the initial ones
 */
record DeltaGradientArrays(
        DeltaArrays own,
        FloatArray dQ,
        FloatArray dK,
        FloatArray dE,
        FloatArray dV,
        FloatArray dBeta,
        FloatArray dG,
        FloatArray dState) {
    /**
     * @throws UsageException if the device has no room for the states at the boundaries of chunks
     */
    static DeltaGradientArrays of(DeltaStep step, DeltaSizes sizes, NativeArrays arrays, long maxBytes) {
        var form = new Form.Chunked(DeltaGradient.CHUNK);
        int tokens = sizes.tokens();
        long chunks = Math.max(1, tokens / DeltaGradient.CHUNK + sizes.sequences());
        long rows = DeltaGradient.SECTIONS * (long) tokens * sizes.valueHeads() * sizes.keyDim();
        long floats = Math.max(chunks * sizes.stateElements(1), rows);
        long most = Math.min(NativeArrays.MAX_WORDS, maxBytes / Float.BYTES);
        if (floats > most) {
            throw new UsageException(
                    "gradients of " + tokens + " tokens in " + sizes.sequences() + " sequences take an array of "
                            + floats + " floats, and the device has room for " + most,
                    "prepare for fewer tokens or sequences in a call");
        }
        DeltaArrays own = DeltaArrays.of(step, sizes, form, arrays);
        return new DeltaGradientArrays(
                own,
                arrays.floats(sizes.queryElements(tokens)),
                arrays.floats(sizes.keyElements(tokens)),
                arrays.floats(step.erase() == Erase.OWN_KEY ? sizes.eraseElements(step.erase(), tokens) : 0),
                arrays.floats(sizes.valueElements(tokens)),
                arrays.floats(step.beta() ? sizes.betaElements(tokens) : 0),
                arrays.floats(sizes.decayElements(step.decay(), tokens)),
                arrays.floats(sizes.stateElements(sizes.sequences())));
    }

    /** The gradient of o. */
    FloatArray dO() {
        return own.o();
    }

    /** Chunks for which there is room. */
    int chunks() {
        return own.mostChunks();
    }

    /** What comes back: the gradients that the step has. */
    List<TornadoNativeArray> outputs() {
        var outputs = new ArrayList<TornadoNativeArray>(List.of(dQ, dK, dV, dState));
        if (own.step().erase() == Erase.OWN_KEY) {
            outputs.add(dE);
        }
        if (own.step().beta()) {
            outputs.add(dBeta);
        }
        if (own.step().decay() != Decay.NONE) {
            outputs.add(dG);
        }
        return outputs;
    }
}
