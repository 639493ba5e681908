package dev.gust.runtime.attention;

import dev.gust.kernels.attention.PortableLogSums;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** {@link LogSums} by {@link PortableLogSums}. Calls of many tokens go through in slices, which bound what is reserved. */
final class KernelLogSums implements LogSums.Scan {
    /** Elements of the largest array of a slice. */
    private static final long SLICE_ELEMENTS = 1L << 26;

    private final KernelDevice device;
    private final DeltaSizes sizes;

    /** Most tokens of a slice. */
    private final int slice;

    private final Buffers arrays;
    private final KernelProgram program;
    private Optional<KernelPlan> plan = Optional.empty();

    KernelLogSums(KernelDevice device, DeltaSizes sizes, boolean normalizes) {
        this(device, sizes, normalizes, SLICE_ELEMENTS);
    }

    /** @param sliceElements elements of the largest array of a slice */
    KernelLogSums(KernelDevice device, DeltaSizes sizes, boolean normalizes, long sliceElements) {
        this.device = device;
        this.sizes = sizes;
        long tokens = Math.max(1, sliceElements / LogSums.channels(sizes, 1));
        this.slice = (int) Math.min(tokens, sizes.tokens());
        this.arrays = Buffers.of(sizes.withTokens(slice), normalizes, device.arrays());
        var calls = new ArrayList<KernelCall>();
        if (normalizes) {
            calls.add(KernelCall.portable("keyLengths", new Lengths(arrays)));
        }
        calls.add(KernelCall.portable("logSums", new Sums(arrays)));
        this.program = new KernelProgram(
                "logSums",
                calls,
                List.of(),
                arrays.inputs(),
                List.of(arrays.keys(), arrays.g(), arrays.after()),
                List.of(arrays.factors()));
    }

    @Override
    public KernelTimes run(MemorySegment k, Sequences sequences, LogSumParts z, MemorySegment keys, MemorySegment g) {
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        arrays.begin(z);
        KernelTimes times = KernelTimes.ofTotal(0);
        for (int from = 0; from < sequences.tokens(); from += slice) {
            int to = (int) Math.min((long) from + slice, sequences.tokens());
            if (from > 0) {
                MemorySegment before = arrays.before().getSegment();
                MemorySegment.copy(arrays.after().getSegment(), 0, before, 0, before.byteSize());
            }
            arrays.places().place(sequences.slice(from, to), new boolean[sizes.sequences()]);
            Operands.copy(DeltaOperands.part(k, sizes.keyElements(from), sizes.keyElements(to)), arrays.k());
            times = times.plus(ready().execute());
            long at = (long) from * LogSums.channels(sizes, 1) * Float.BYTES;
            long bytes = (long) (to - from) * LogSums.channels(sizes, 1) * Float.BYTES;
            MemorySegment.copy(arrays.keys().getSegment(), 0, keys, at, bytes);
            MemorySegment.copy(arrays.g().getSegment(), 0, g, at, bytes);
        }
        arrays.end(z);
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    private KernelPlan ready() {
        if (plan.isEmpty()) {
            plan = Optional.of(device.prepare(program));
        }
        return plan.orElseThrow();
    }

    @Override
    public void close() {
        plan.ifPresent(KernelPlan::close);
        plan = Optional.empty();
    }

    /** What the kernels work on, as {@link PortableLogSums} says. */
    private record Buffers(
            TokenPlaces places,
            boolean normalizes,
            FloatArray k,
            FloatArray factors,
            FloatArray before,
            FloatArray after,
            FloatArray keys,
            FloatArray g) {
        static Buffers of(DeltaSizes sizes, boolean normalizes, NativeArrays memory) {
            int tokens = sizes.tokens();
            int columns = LogSums.channels(sizes, sizes.sequences());
            long results = (long) tokens * LogSums.channels(sizes, 1);
            // No kernel looks at chunks: the fewer there are to write down, the better.
            return new Buffers(
                    TokenPlaces.of(sizes, sizes.keyHeads(), new Form.Chunked(Form.Chunked.LONGEST)),
                    normalizes,
                    memory.floats(sizes.keyElements(tokens)),
                    normalizes ? memory.floats((long) tokens * sizes.keyHeads()) : memory.noFloats(),
                    memory.floats(3L * columns),
                    memory.floats(4L * columns),
                    memory.floats(results),
                    memory.floats(results));
        }

        List<TornadoNativeArray> inputs() {
            return List.of(places.shape(), places.sequences(), k, before);
        }

        /** N · HV · K. */
        int columns() {
            return before.getSize() / 3;
        }

        void begin(LogSumParts z) {
            float[][] parts = {z.top(), z.sum(), z.excess()};
            for (int i = 0; i < parts.length; i++) {
                MemorySegment.copy(parts[i], 0, before.getSegment(), ValueLayout.JAVA_FLOAT, offset(i), columns());
            }
        }

        void end(LogSumParts z) {
            float[][] parts = {z.top(), z.sum(), z.excess(), z.z()};
            for (int i = 0; i < parts.length; i++) {
                MemorySegment.copy(after.getSegment(), ValueLayout.JAVA_FLOAT, offset(i), parts[i], 0, columns());
            }
        }

        private long offset(int part) {
            return (long) part * columns() * Float.BYTES;
        }
    }

    /** {@link PortableLogSums#keyLengthsPortable}. */
    private record Lengths(Buffers a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableLogSums.keyLengthsPortable(
                    a.places().shape(), a.k(), a.factors(), a.factors().getSize());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLogSums::keyLengthsPortable,
                    a.places().shape(),
                    a.k(),
                    a.factors(),
                    a.factors().getSize());
        }
    }

    /** {@link PortableLogSums#logSumsPortable}. */
    private record Sums(Buffers a) implements Kernel {
        private int normalize() {
            return a.normalizes() ? 1 : 0;
        }

        @Override
        public void run(KernelContext context) {
            PortableLogSums.logSumsPortable(
                    a.places().shape(),
                    a.places().sequences(),
                    a.k(),
                    a.factors(),
                    a.before(),
                    a.after(),
                    a.keys(),
                    a.g(),
                    normalize(),
                    a.columns());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableLogSums::logSumsPortable,
                    a.places().shape(),
                    a.places().sequences(),
                    a.k(),
                    a.factors(),
                    a.before(),
                    a.after(),
                    a.keys(),
                    a.g(),
                    normalize(),
                    a.columns());
        }
    }
}
