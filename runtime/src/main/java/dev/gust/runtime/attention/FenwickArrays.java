package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The arrays of log-linear attention with chunks that begin where blocks of the tree do. */
record FenwickArrays(LogLinearArrays x, FenwickPlaces blocks) implements RecurrenceArrays<LogLinearOperands> {
    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        return List.of(
                x.places().shape(), blocks.sequences(), blocks.chunks(), x.q(), x.k(), x.v(), x.g(), x.levelScales());
    }

    @Override
    public void check(LogLinearOperands operands, Sequences sequences, MemorySegment out) {
        x.check(operands, sequences, out);
    }

    @Override
    public void place(Sequences call, boolean[] cleared) {
        blocks.place(call, cleared, x.tokensBefore());
    }

    @Override
    public void fill(LogLinearOperands operands) {
        x.fill(operands);
    }

    @Override
    public FloatArray state() {
        return x.state();
    }

    @Override
    public FloatArray o() {
        return x.o();
    }

    @Override
    public int capacity() {
        return x.capacity();
    }

    @Override
    public long stateElements() {
        return x.stateElements();
    }
}
