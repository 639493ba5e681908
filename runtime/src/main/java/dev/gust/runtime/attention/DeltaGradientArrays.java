package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
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
        FloatArray dState)
        implements GradientArrays<DeltaOperands, DeltaGradients> {
    /**
     * @throws UsageException if the device has no room for the states at the boundaries of chunks
     */
    static DeltaGradientArrays of(DeltaStep step, DeltaSizes sizes, NativeArrays arrays, long maxBytes) {
        var form = new Form.Chunked(DeltaGradient.CHUNK);
        int tokens = sizes.tokens();
        GradientArrays.requireRoom(sizes, 1, DeltaGradient.SECTIONS, maxBytes);
        DeltaArrays own = DeltaArrays.of(step, sizes, form, arrays);
        return new DeltaGradientArrays(
                own,
                arrays.floats(sizes.queryElements(tokens)),
                arrays.floats(sizes.keyElements(tokens)),
                arrays.floats(sizes.eraseElements(step, tokens)),
                arrays.floats(sizes.valueElements(tokens)),
                arrays.floats(step.beta() ? sizes.betaElements(tokens) : 0),
                arrays.floats(sizes.decayElements(step.decay(), tokens)),
                arrays.floats(sizes.stateElements(sizes.sequences())));
    }

    @Override
    public FloatArray dO() {
        return own.o();
    }

    @Override
    public FloatArray state() {
        return own.state();
    }

    @Override
    public void check(
            DeltaOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DeltaGradients gradients) {
        operands.check(own.step(), own.sizes(), sequences, dO);
        gradients.check(own.step(), own.sizes(), sequences);
        DeltaGradients.checkStates(own.sizes(), sequences, initialStates, dFinalStates);
    }

    @Override
    public void fill(DeltaOperands operands, Sequences sequences) {
        own.place(sequences, new boolean[own.capacity()]);
        own.fill(operands);
    }

    @Override
    public void read(DeltaGradients gradients) {
        GradientArrays.read(dQ, gradients.q());
        GradientArrays.read(dK, gradients.k());
        GradientArrays.read(dE, gradients.e());
        GradientArrays.read(dV, gradients.v());
        GradientArrays.read(dBeta, gradients.beta());
        GradientArrays.read(dG, gradients.g());
        GradientArrays.read(dState, gradients.initialStates());
    }

    /** A head's decay has no gradient then. */
    @Override
    public void readWithoutTokens(MemorySegment dFinalStates, DeltaGradients gradients) {
        gradients.g().fill((byte) 0);
        GradientArrays.handOn(dFinalStates, gradients.initialStates());
    }

    /** Chunks for which there is room. */
    int chunks() {
        return own.mostChunks();
    }

    /** What comes back: the gradients that the step has. */
    List<TornadoNativeArray> outputs() {
        var outputs = new ArrayList<TornadoNativeArray>(List.of(dQ, dK, dV, dState));
        if (own.step().ownKey()) {
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
