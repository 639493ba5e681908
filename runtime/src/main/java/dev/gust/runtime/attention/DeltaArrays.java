package dev.gust.runtime.attention;

import dev.gust.kernels.attention.ChunkTable;
import dev.gust.kernels.attention.DeltaShape;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of a delta step's kernels, for as many tokens and sequences as its sizes say.
 *
 * @param e the same object as {@code k} where the keys are one
 */
record DeltaArrays(
        DeltaStep step,
        DeltaSizes sizes,
        TokenPlaces places,
        FloatArray q,
        FloatArray k,
        FloatArray e,
        FloatArray v,
        FloatArray beta,
        FloatArray g,
        FloatArray state,
        FloatArray o)
        implements RecurrenceArrays<DeltaOperands> {
    static DeltaArrays of(DeltaStep step, DeltaSizes sizes, Form form, NativeArrays arrays) {
        int tokens = sizes.tokens();
        FloatArray k = arrays.floats(sizes.keyElements(tokens));
        int eraseHeads = step.ownKey() ? sizes.eraseHeads() : sizes.keyHeads();
        return new DeltaArrays(
                step,
                sizes,
                TokenPlaces.of(sizes, eraseHeads, form),
                arrays.floats(sizes.queryElements(tokens)),
                k,
                step.ownKey()
                        ? arrays.floats(sizes.eraseElements(step, tokens))
                        : step.erase() == Erase.WRITE_KEY ? k : arrays.noFloats(),
                arrays.floats(sizes.valueElements(tokens)),
                step.beta() ? arrays.floats(sizes.betaElements(tokens)) : arrays.noFloats(),
                arrays.floats(sizes.decayElements(step.decay(), tokens)),
                arrays.floats(sizes.stateElements(sizes.sequences())),
                arrays.floats(sizes.valueElements(tokens)));
    }

    /** The same arrays with other keys: scratch, made from those that a call brings. */
    DeltaArrays withKeys(FloatArray queries, FloatArray writeKeys, FloatArray eraseKeys) {
        return new DeltaArrays(step, sizes, places, queries, writeKeys, eraseKeys, v, beta, g, state, o);
    }

    /** Most tokens of a chunk; 1 for the recurrent form. */
    int chunk() {
        return places.chunk();
    }

    /** See {@link DeltaShape}. */
    IntArray shape() {
        return places.shape();
    }

    /** See {@link TokenPlaces}. */
    IntArray sequences() {
        return places.sequences();
    }

    /** See {@link ChunkTable}. */
    IntArray chunks() {
        return places.chunks();
    }

    /** Chunks for which there is room. */
    int mostChunks() {
        return places.mostChunks();
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        var inputs = new ArrayList<TornadoNativeArray>(List.of(shape(), sequences(), chunks(), q, k, v, g));
        if (step.beta()) {
            inputs.add(beta);
        }
        if (step.ownKey()) {
            inputs.add(e);
        }
        return inputs;
    }

    /** What kernels want though the step does not have it. */
    List<TornadoNativeArray> constants() {
        var constants = new ArrayList<TornadoNativeArray>();
        if (!step.beta()) {
            constants.add(beta);
        }
        if (!step.ownKey() && step.erase() == Erase.NONE) {
            constants.add(e);
        }
        return constants;
    }

    @Override
    public int capacity() {
        return sizes.sequences();
    }

    @Override
    public long stateElements() {
        return sizes.stateElements(1);
    }

    @Override
    public void check(DeltaOperands operands, Sequences call, MemorySegment out) {
        operands.check(step, sizes, call, out);
    }

    @Override
    public void place(Sequences call, boolean[] cleared) {
        places.place(call, cleared);
    }

    @Override
    public void fill(DeltaOperands operands) {
        Operands.copy(operands.q(), q);
        Operands.copy(operands.k(), k);
        Operands.copy(operands.e(), e);
        Operands.copy(operands.v(), v);
        Operands.copy(operands.beta(), beta);
        Operands.copy(operands.g(), g);
    }
}
