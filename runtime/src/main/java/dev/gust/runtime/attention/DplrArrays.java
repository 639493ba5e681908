package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The arrays of the kernels of a step of diagonal plus low rank, for as many tokens and sequences as its sizes say. */
record DplrArrays(
        DplrStep step,
        DeltaSizes sizes,
        TokenPlaces places,
        FloatArray q,
        FloatArray k,
        FloatArray v,
        FloatArray a,
        FloatArray b,
        FloatArray g,
        FloatArray state,
        FloatArray o)
        implements RecurrenceArrays<DplrOperands> {
    static DplrArrays of(DplrStep step, DeltaSizes sizes, Form form, NativeArrays arrays) {
        int tokens = sizes.tokens();
        long channels = DplrOperands.channels(sizes, tokens);
        return new DplrArrays(
                step,
                sizes,
                TokenPlaces.of(sizes, sizes.keyHeads(), form),
                arrays.floats(sizes.queryElements(tokens)),
                arrays.floats(sizes.keyElements(tokens)),
                arrays.floats(sizes.valueElements(tokens)),
                arrays.floats(channels),
                arrays.floats(channels),
                step.decays() ? arrays.floats(channels) : arrays.noFloats(),
                arrays.floats(sizes.stateElements(sizes.sequences())),
                arrays.floats(sizes.valueElements(tokens)));
    }

    /** The same arrays with other q and k: scratch, made from those that a call brings. */
    DplrArrays withKeys(FloatArray queries, FloatArray keys) {
        return new DplrArrays(step, sizes, places, queries, keys, v, a, b, g, state, o);
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        var inputs = new ArrayList<TornadoNativeArray>(
                List.of(places.shape(), places.sequences(), places.chunks(), q, k, v, a, b));
        if (step.decays()) {
            inputs.add(g);
        }
        return inputs;
    }

    /** What kernels want though the step does not have it. */
    List<TornadoNativeArray> constants() {
        return step.decays() ? List.of() : List.of(g);
    }

    /** HV · K. */
    int lines() {
        return sizes.valueHeads() * sizes.keyDim();
    }

    /** N · HV · V. */
    int columns() {
        return Math.toIntExact((long) sizes.sequences() * sizes.valueHeads() * sizes.valueDim());
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
    public void check(DplrOperands operands, Sequences call, MemorySegment out) {
        operands.check(step, sizes, call, out);
    }

    @Override
    public void place(Sequences call, boolean[] cleared) {
        places.place(call, cleared);
    }

    @Override
    public void fill(DplrOperands operands) {
        Operands.copy(operands.q(), q);
        Operands.copy(operands.k(), k);
        Operands.copy(operands.v(), v);
        Operands.copy(operands.a(), a);
        Operands.copy(operands.b(), b);
        Operands.copy(operands.g(), g);
    }
}
