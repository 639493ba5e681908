package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The arrays of the kernels of a linear state-space layer.
 *
 * @param style tuned kernels want the last two dimensions of transitions and of a chunk's output exchanged
 * @param transitions Ā, and for chunks Ā^C behind it [2, H, K, K]
 * @param input B̄ [H, K]; for chunks Ā^l B̄ [H, C, K]
 * @param output c [H, K] and d [H]; for chunks c Ā^(l + 1) [H, C, K]
 * @param kernel for chunks c·Ā^l B̄ [H, C], with d added for l = 0
 */
record LsslArrays(
        DeltaSizes sizes,
        TokenPlaces places,
        Form form,
        KernelStyle style,
        SeenWeights seen,
        FloatArray transitions,
        FloatArray input,
        FloatArray output,
        FloatArray kernel,
        FloatArray u,
        FloatArray state,
        FloatArray o)
        implements ChannelArrays<LsslOperands> {
    static LsslArrays of(DeltaSizes sizes, Form form, KernelStyle style, NativeArrays memory) {
        TokenPlaces places = TokenPlaces.of(sizes, sizes.keyHeads(), form);
        long channels = sizes.valueHeads();
        long elements = channels * sizes.keyDim();
        boolean chunks = form instanceof Form.Chunked;
        long rows = elements * places.chunk();
        return new LsslArrays(
                sizes,
                places,
                form,
                style,
                new SeenWeights(),
                memory.floats(elements * sizes.keyDim() * (chunks ? 2 : 1)),
                memory.floats(rows),
                memory.floats(chunks ? rows : elements + channels),
                memory.floats(chunks ? channels * places.chunk() : 1),
                memory.floats(sizes.betaElements(sizes.tokens())),
                memory.floats(sizes.stateElements(sizes.sequences())),
                memory.floats(sizes.betaElements(sizes.tokens())));
    }

    /** What goes to the device at every call. */
    List<TornadoNativeArray> inputs() {
        var inputs = new ArrayList<TornadoNativeArray>(
                List.of(places.shape(), places.sequences(), transitions, input, output, u));
        if (form instanceof Form.Chunked) {
            inputs.addAll(List.of(places.chunks(), kernel));
        }
        return inputs;
    }

    /** N · H. */
    int columns() {
        return Math.multiplyExact(sizes.sequences(), sizes.valueHeads());
    }

    @Override
    public void check(LsslOperands operands, Sequences call, MemorySegment out) {
        operands.check(sizes, call, out);
    }

    @Override
    public void fill(LsslOperands x) {
        Operands.copy(x.u(), u);
        seen.ifChanged(
                () -> {
                    for (int h = 0; h < sizes.valueHeads(); h++) {
                        LsslSystem system = LsslSystem.discretize(x, sizes.keyDim(), h);
                        putMatrix(system.transition(), (long) h * sizes.keyDim() * sizes.keyDim());
                        switch (form) {
                            case Form.Recurrent() -> fillStep(x, system, h);
                            case Form.Chunked(int length) -> fillChunk(x, system, h, length);
                        }
                    }
                },
                x.weights());
    }

    private void fillStep(LsslOperands x, LsslSystem system, int h) {
        int size = sizes.keyDim();
        put(system.input(), input, (long) h * size);
        put(x.output(h, size), output, (long) h * size);
        output.set(sizes.valueHeads() * size + h, RuleCall.at(x.d(), h));
    }

    private void fillChunk(LsslOperands x, LsslSystem system, int h, int length) {
        int size = sizes.keyDim();
        putMatrix(system.power(length), ((long) sizes.valueHeads() + h) * size * size);
        double[] c = x.output(h, size);
        double[] read = c;
        double[] write = system.input();
        for (int l = 0; l < length; l++) {
            double sum = l == 0 ? RuleCall.at(x.d(), h) : 0;
            for (int n = 0; n < size; n++) {
                sum += c[n] * write[n];
            }
            kernel.set(h * length + l, (float) sum);
            read = system.timesLeft(read);
            switch (style) {
                case PORTABLE -> put(read, output, ((long) h * length + l) * size);
                case TUNED -> put(read, output, (long) h * length * size + l, length);
            }
            put(write, input, ((long) h * length + l) * size);
            write = system.times(write);
        }
    }

    private void putMatrix(double[] rows, long at) {
        int size = sizes.keyDim();
        switch (style) {
            case PORTABLE -> put(rows, transitions, at);
            case TUNED -> {
                for (int row = 0; row < size; row++) {
                    put(Arrays.copyOfRange(rows, row * size, (row + 1) * size), transitions, at + row, size);
                }
            }
        }
    }

    private static void put(double[] from, FloatArray to, long at) {
        put(from, to, at, 1);
    }

    private static void put(double[] from, FloatArray to, long at, int stride) {
        for (int i = 0; i < from.length; i++) {
            to.set((int) at + i * stride, (float) from[i]);
        }
    }
}
