package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The arrays of the kernels of HGRN's recurrence. */
record HgrnArrays(DeltaSizes sizes, TokenPlaces places, FloatArray x, FloatArray g, FloatArray state, FloatArray o)
        implements ChannelArrays<HgrnOperands> {
    static HgrnArrays of(DeltaSizes sizes, Form form, NativeArrays memory) {
        long elements = sizes.valueElements(sizes.tokens());
        return new HgrnArrays(
                sizes,
                TokenPlaces.of(sizes, 1, form),
                memory.floats(elements),
                memory.floats(elements),
                memory.floats(sizes.stateElements(sizes.sequences())),
                memory.floats(elements));
    }

    int columns() {
        return Math.multiplyExact(sizes.sequences(), sizes.valueDim());
    }

    int chunkColumns() {
        return Math.multiplyExact(places.mostChunks(), sizes.valueDim());
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        return List.of(places.shape(), places.sequences(), places.chunks(), x, g);
    }

    @Override
    public void check(HgrnOperands operands, Sequences call, MemorySegment out) {
        operands.check(sizes, call, out);
    }

    @Override
    public void fill(HgrnOperands operands) {
        Operands.copy(operands.x(), x);
        Operands.copy(operands.g(), g);
    }
}
