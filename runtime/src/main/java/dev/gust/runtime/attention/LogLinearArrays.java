package dev.gust.runtime.attention;

import dev.gust.kernels.attention.DeltaShape;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of the kernels of log-linear attention.
 *
 * @param tokensBefore [N] tokens that sequences have had
 * @param positions [N + 1] the same for kernels, and the number of levels
 */
record LogLinearArrays(
        LogLinear attention,
        DeltaSizes sizes,
        TokenPlaces places,
        int[] tokensBefore,
        IntArray positions,
        FloatArray q,
        FloatArray k,
        FloatArray v,
        FloatArray g,
        FloatArray levelScales,
        FloatArray state,
        FloatArray o)
        implements RecurrenceArrays<LogLinearOperands> {
    static LogLinearArrays of(
            LogLinear attention, DeltaSizes sizes, Form form, int[] tokensBefore, NativeArrays arrays) {
        int tokens = sizes.tokens();
        long gates = sizes.betaElements(tokens);
        TokenPlaces places = TokenPlaces.of(sizes, sizes.keyHeads(), form);
        places.shape().set(DeltaShape.LEVELS, attention.levels());
        return new LogLinearArrays(
                attention,
                sizes,
                places,
                tokensBefore,
                new IntArray(sizes.sequences() + 1),
                arrays.floats(sizes.queryElements(tokens)),
                arrays.floats(sizes.keyElements(tokens)),
                arrays.floats(sizes.valueElements(tokens)),
                arrays.floats(gates),
                arrays.floats(gates * attention.levels()),
                arrays.floats(attention.stateElements(sizes) * sizes.sequences()),
                arrays.floats(sizes.valueElements(tokens)));
    }

    /** The same with other q and k, which kernels have divided by their lengths. */
    LogLinearArrays withKeys(FloatArray queries, FloatArray keys) {
        return new LogLinearArrays(
                attention, sizes, places, tokensBefore, positions, queries, keys, v, g, levelScales, state, o);
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        return List.of(places.shape(), places.sequences(), places.chunks(), positions, q, k, v, g, levelScales);
    }

    /** What goes to the device at every call where no kernel looks at chunks. */
    List<TornadoNativeArray> recurrentInputs() {
        return List.of(places.shape(), places.sequences(), positions, q, k, v, g, levelScales);
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
        return attention.stateElements(sizes);
    }

    @Override
    public void check(LogLinearOperands operands, Sequences call, MemorySegment out) {
        operands.check(attention, sizes, call, out);
    }

    @Override
    public void place(Sequences call, boolean[] cleared) {
        places.place(call, cleared);
        for (int i = 0; i < tokensBefore.length; i++) {
            positions.set(i, tokensBefore[i]);
        }
        positions.set(tokensBefore.length, attention.levels());
    }

    @Override
    public void fill(LogLinearOperands operands) {
        Operands.copy(operands.q(), q);
        Operands.copy(operands.k(), k);
        Operands.copy(operands.v(), v);
        Operands.copy(operands.g(), g);
        Operands.copy(operands.levelScales(), levelScales);
    }
}
