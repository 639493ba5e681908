package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of the kernels of the diagonal linear RNN.
 *
 * @param step e^Λ [H, K, 2]
 * @param weights w [H, K, 2]
 */
record DlrArrays(
        DeltaSizes sizes,
        TokenPlaces places,
        SeenWeights seen,
        FloatArray step,
        FloatArray weights,
        FloatArray u,
        FloatArray state,
        FloatArray o)
        implements ChannelArrays<DlrOperands> {
    static DlrArrays of(DeltaSizes sizes, Form form, NativeArrays memory) {
        long elements = (long) sizes.valueHeads() * sizes.keyDim() * Dlr.PARTS;
        return new DlrArrays(
                sizes,
                TokenPlaces.of(sizes, sizes.keyHeads(), form),
                new SeenWeights(),
                memory.floats(elements),
                memory.floats(elements),
                memory.floats(sizes.betaElements(sizes.tokens())),
                memory.floats(sizes.stateElements(sizes.sequences())),
                memory.floats(sizes.betaElements(sizes.tokens())));
    }

    int columns() {
        return Math.multiplyExact(sizes.sequences(), sizes.valueHeads());
    }

    int chunkColumns() {
        return Math.multiplyExact(places.mostChunks(), sizes.valueHeads());
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        return List.of(places.shape(), places.sequences(), places.chunks(), step, weights, u);
    }

    @Override
    public void check(DlrOperands operands, Sequences call, MemorySegment out) {
        operands.check(sizes, call, out);
    }

    @Override
    public void fill(DlrOperands x) {
        Operands.copy(x.u(), u);
        seen.ifChanged(() -> fillWeights(x), x.lambda(), x.omega(), x.wRe(), x.wIm());
    }

    private void fillWeights(DlrOperands x) {
        for (int i = 0; i < sizes.valueHeads() * sizes.keyDim(); i++) {
            DlrOperands.Rotation rotation = x.rotation(i);
            step.set(2 * i, rotation.re());
            step.set(2 * i + 1, rotation.im());
            weights.set(2 * i, RuleCall.at(x.wRe(), i));
            weights.set(2 * i + 1, RuleCall.at(x.wIm(), i));
        }
    }
}
