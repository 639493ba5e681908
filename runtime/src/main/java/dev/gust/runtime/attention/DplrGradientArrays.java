package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.kernels.attention.DplrGradient;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of the kernels of the gradients of a step of diagonal plus low rank.
 *
 * @param own the step's; its states are those where sequences begin, and its o holds the gradient of o
 * @param dState goes in as the gradient of the final states, comes back as that of the initial ones
 */
record DplrGradientArrays(
        DplrArrays own,
        FloatArray dQ,
        FloatArray dK,
        FloatArray dV,
        FloatArray dA,
        FloatArray dB,
        FloatArray dG,
        FloatArray dState)
        implements GradientArrays<DplrOperands, DplrGradients> {
    /**
     * @throws UsageException if the device has no room for the states at the boundaries of chunks
     */
    static DplrGradientArrays of(DplrStep step, DeltaSizes sizes, NativeArrays arrays, long maxBytes) {
        GradientArrays.requireRoom(sizes, 2, DplrGradient.SECTIONS, maxBytes);
        int tokens = sizes.tokens();
        long channels = DplrOperands.channels(sizes, tokens);
        return new DplrGradientArrays(
                DplrArrays.of(step, sizes, new Form.Chunked(DeltaGradient.CHUNK), arrays),
                arrays.floats(sizes.queryElements(tokens)),
                arrays.floats(sizes.keyElements(tokens)),
                arrays.floats(sizes.valueElements(tokens)),
                arrays.floats(channels),
                arrays.floats(channels),
                step.decays() ? arrays.floats(channels) : arrays.noFloats(),
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
            DplrOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DplrGradients gradients) {
        operands.check(own.step(), own.sizes(), sequences, dO);
        gradients.check(own.step(), own.sizes(), sequences);
        DeltaGradients.checkStates(own.sizes(), sequences, initialStates, dFinalStates);
    }

    @Override
    public void fill(DplrOperands operands, Sequences sequences) {
        own.place(sequences, new boolean[own.capacity()]);
        own.fill(operands);
    }

    @Override
    public void read(DplrGradients gradients) {
        GradientArrays.read(dQ, gradients.q());
        GradientArrays.read(dK, gradients.k());
        GradientArrays.read(dV, gradients.v());
        GradientArrays.read(dA, gradients.a());
        GradientArrays.read(dB, gradients.b());
        GradientArrays.read(dG, gradients.g());
        GradientArrays.read(dState, gradients.initialStates());
    }

    @Override
    public void readWithoutTokens(MemorySegment dFinalStates, DplrGradients gradients) {
        GradientArrays.handOn(dFinalStates, gradients.initialStates());
    }

    /** What comes back: the gradients that the step has. */
    List<TornadoNativeArray> outputs() {
        var outputs = new ArrayList<TornadoNativeArray>(List.of(dQ, dK, dV, dA, dB, dState));
        if (own.step().decays()) {
            outputs.add(dG);
        }
        return outputs;
    }
}
