package dev.gust.runtime.layer;

import dev.gust.kernels.layer.ConvForm;
import dev.gust.kernels.layer.ConvShape;
import dev.gust.kernels.layer.PortableConv;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The convolution by kernels. The states are an array that lives on the device. */
final class KernelConv implements ConvPlan {
    private final ConvCheck check;
    private final ConvArrays a;
    private final KeptProgram program;

    /** Sequences whose state is zero, whatever the device holds. */
    private final boolean[] cleared;

    private boolean closed;

    KernelConv(KernelDevice device, CausalConv conv, int tokens, int sequences) {
        this.check = new ConvCheck(conv, tokens, sequences);
        this.a = ConvArrays.of(check, device.arrays());
        this.cleared = new boolean[sequences];
        Arrays.fill(cleared, true);
        this.program = new KeptProgram(
                device,
                new KernelProgram(
                        "causalConv",
                        List.of(
                                KernelCall.portable("convTokens", new Tokens(a)),
                                KernelCall.portable("convStates", new States(a))),
                        List.of(a.w(), a.bias()),
                        List.of(a.shape(), a.owners(), a.sequences(), a.x()),
                        List.of(a.y()),
                        List.of(a.state()),
                        List.of(a.state())));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment x, Sequences sequences, MemorySegment y) {
        requireOpen();
        check.call(x, sequences, y);
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        a.place(sequences, cleared);
        MemorySegment.copy(x, 0, a.x().getSegment(), 0, x.byteSize());
        KernelTimes times = program.execute();
        // The kernels clear every state whose flag is set, that of an empty sequence too.
        Arrays.fill(cleared, false);
        MemorySegment.copy(a.y().getSegment(), 0, y, 0, y.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        check.sequence(sequence);
        cleared[sequence] = true;
    }

    @Override
    public synchronized void load(MemorySegment states, int n) {
        requireOpen();
        check.states(states, n);
        check.arrange(states, a.state().getSegment(), n);
        program.put(a.state(), n * check.stateElements());
        Arrays.fill(cleared, 0, n, false);
    }

    @Override
    public synchronized void save(MemorySegment states, int n) {
        requireOpen();
        check.states(states, n);
        program.fetch(a.state());
        check.restore(a.state().getSegment(), states, n);
        long bytes = check.stateElements() * Float.BYTES;
        for (int i = 0; i < n; i++) {
            if (cleared[i]) {
                states.asSlice(i * bytes, bytes).fill((byte) 0);
            }
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a causal convolution is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    /** The kernels' arguments. */
    private record ConvArrays(
            ConvCheck check,
            IntArray shape,
            IntArray owners,
            IntArray sequences,
            FloatArray x,
            FloatArray w,
            FloatArray bias,
            FloatArray state,
            FloatArray y) {
        static ConvArrays of(ConvCheck check, NativeArrays memory) {
            CausalConv conv = check.conv();
            IntArray shape = new IntArray(ConvShape.LENGTH);
            shape.init(0);
            shape.set(ConvShape.CHANNELS, conv.channels());
            shape.set(ConvShape.WIDTH, conv.width());
            float[] taps = conv.taps();
            FloatArray w = memory.floats(taps.length);
            MemorySegment.copy(taps, 0, w.getSegment(), ValueLayout.JAVA_FLOAT, 0, taps.length);
            long elements = (long) check.tokens() * conv.channels();
            return new ConvArrays(
                    check,
                    shape,
                    new IntArray(Math.max(1, check.tokens())),
                    new IntArray(2 * check.sequences() + 1),
                    memory.floats(elements),
                    w,
                    conv.hasBias() ? memory.floats(conv.bias()) : memory.noFloats(),
                    memory.floats(check.sequences() * check.stateElements()),
                    memory.floats(elements));
        }

        /** Says where the call's sequences begin, and which states are zero. */
        void place(Sequences call, boolean[] cleared) {
            int n = check.sequences();
            for (int i = 0; i < n; i++) {
                boolean there = i < call.count();
                sequences.set(i, there ? call.first(i) : call.tokens());
                sequences.set(n + 1 + i, cleared[i] ? 1 : 0);
                for (int t = there ? call.first(i) : call.tokens(); there && t < call.end(i); t++) {
                    owners.set(t, i);
                }
            }
            sequences.set(n, call.tokens());
            shape.set(ConvShape.TOKENS, call.tokens());
        }

        int form() {
            CausalConv conv = check.conv();
            return (conv.hasBias() ? ConvForm.BIAS : 0) | (conv.silu() ? ConvForm.SILU : 0);
        }

        int elements() {
            return check.tokens() * check.conv().channels();
        }

        int lines() {
            return check.sequences() * check.conv().channels();
        }
    }

    private record Tokens(ConvArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableConv.convTokensPortable(
                    a.shape(),
                    a.owners(),
                    a.sequences(),
                    a.x(),
                    a.w(),
                    a.bias(),
                    a.state(),
                    a.y(),
                    a.form(),
                    a.check().sequences(),
                    a.elements());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableConv::convTokensPortable,
                    a.shape(),
                    a.owners(),
                    a.sequences(),
                    a.x(),
                    a.w(),
                    a.bias(),
                    a.state(),
                    a.y(),
                    a.form(),
                    a.check().sequences(),
                    a.elements());
        }
    }

    private record States(ConvArrays a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableConv.convStatesPortable(
                    a.shape(), a.sequences(), a.x(), a.state(), a.check().sequences(), a.lines());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableConv::convStatesPortable,
                    a.shape(),
                    a.sequences(),
                    a.x(),
                    a.state(),
                    a.check().sequences(),
                    a.lines());
        }
    }
}
