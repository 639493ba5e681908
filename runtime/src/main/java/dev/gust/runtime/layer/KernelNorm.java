package dev.gust.runtime.layer;

import dev.gust.kernels.layer.GroupNorm;
import dev.gust.kernels.layer.NormShape;
import dev.gust.kernels.layer.PortableNorm;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A norm by a kernel. */
final class KernelNorm implements NormPlan {
    /** Rows up to this long get a warp each, longer ones a whole group. */
    private static final int SHORT = 512;

    private final Norm norm;
    private final int most;
    private final IntArray shape;
    private final FloatArray x;
    private final FloatArray weight;
    private final FloatArray gate;
    private final FloatArray y;
    private final KeptProgram program;
    private boolean closed;

    KernelNorm(KernelDevice device, Norm norm, int most, KernelStyle style) {
        NativeArrays arrays = device.arrays();
        long elements = (long) most * norm.length();
        this.norm = norm;
        this.most = most;
        this.shape = new IntArray(NormShape.LENGTH);
        shape.set(NormShape.LENGTH_OF_ROW, norm.length());
        shape.set(NormShape.ROWS, 0);
        this.x = arrays.floats(elements);
        this.weight = weight(norm, arrays);
        boolean gated = norm.takesSecond();
        this.gate = gated ? arrays.floats(elements) : arrays.noFloats();
        this.y = arrays.floats(elements);
        var constants = new ArrayList<TornadoNativeArray>(List.of(weight));
        var inputs = new ArrayList<TornadoNativeArray>(List.of(shape, x));
        (gated ? inputs : constants).add(gate);
        this.program = new KeptProgram(
                device, new KernelProgram("norm", List.of(call(style)), constants, inputs, List.of(y), List.of()));
    }

    /** The weight, and the bias behind it; where there is a bias, there is a weight. */
    private static FloatArray weight(Norm norm, NativeArrays arrays) {
        if (!norm.hasBias()) {
            return norm.hasWeight() ? arrays.floats(norm.weight()) : arrays.noFloats();
        }
        FloatArray both = arrays.floats(2L * norm.length());
        for (int d = 0; d < norm.length(); d++) {
            both.set(d, norm.hasWeight() ? Floats.at(norm.weight(), d) : 1);
            both.set(norm.length() + d, Floats.at(norm.bias(), d));
        }
        return both;
    }

    private KernelCall call(KernelStyle style) {
        int lanes = norm.length() <= SHORT ? 32 : GroupNorm.LOCAL;
        int groups = Math.ceilDiv(Math.max(1, most), GroupNorm.LOCAL / lanes);
        return switch (style) {
            case PORTABLE -> KernelCall.portable("normRows", new Portable(this));
            case TUNED -> KernelCall.tuned("normRows", new Groups(this, lanes), Grid.ofGroups(groups, GroupNorm.LOCAL));
        };
    }

    @Override
    public synchronized KernelTimes run(MemorySegment from, MemorySegment gates, int rows, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of a norm is closed");
        }
        norm.check(from, gates, most, rows, to);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        shape.set(NormShape.ROWS, rows);
        MemorySegment.copy(from, 0, x.getSegment(), 0, from.byteSize());
        MemorySegment.copy(gates, 0, gate.getSegment(), 0, gates.byteSize());
        KernelTimes times = program.execute();
        MemorySegment.copy(y.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    private record Portable(KernelNorm n) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableNorm.normRowsPortable(
                    n.shape, n.x, n.weight, n.gate, n.y, n.norm.bits(), (float) n.norm.epsilon(), n.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableNorm::normRowsPortable,
                    n.shape,
                    n.x,
                    n.weight,
                    n.gate,
                    n.y,
                    n.norm.bits(),
                    (float) n.norm.epsilon(),
                    n.most);
        }
    }

    private record Groups(KernelNorm n, int lanes) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupNorm.normRowsGroups(
                    context,
                    n.shape,
                    n.x,
                    n.weight,
                    n.gate,
                    n.y,
                    n.norm.bits(),
                    (float) n.norm.epsilon(),
                    n.most,
                    lanes);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupNorm::normRowsGroups,
                    context,
                    n.shape,
                    n.x,
                    n.weight,
                    n.gate,
                    n.y,
                    n.norm.bits(),
                    (float) n.norm.epsilon(),
                    n.most,
                    lanes);
        }

        @Override
        public long localMemoryBytes() {
            return (long) GroupNorm.LOCAL * Float.BYTES;
        }
    }
}
