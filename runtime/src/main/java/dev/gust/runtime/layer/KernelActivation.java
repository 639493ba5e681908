package dev.gust.runtime.layer;

import dev.gust.kernels.layer.GroupTokens;
import dev.gust.kernels.layer.PortableTokens;
import dev.gust.kernels.layer.TokenShape;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.kernel.NativeArrays;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** An activation by a kernel. */
final class KernelActivation implements ActivationPlan {
    private final Activation activation;
    private final int most;
    private final IntArray shape = new IntArray(TokenShape.LENGTH);
    private final FloatArray x;
    private final FloatArray bias;
    private final FloatArray y;
    private final KeptProgram program;
    private boolean closed;

    KernelActivation(KernelDevice device, Activation activation, int most, KernelStyle style) {
        this.activation = activation;
        this.most = most;
        NativeArrays arrays = device.arrays();
        this.x = arrays.floats((long) most * activation.length());
        this.bias = arrays.floats(activation.length());
        this.y = arrays.floats((long) most * activation.length());
        shape.set(TokenShape.ROWS, 0);
        KernelCall call = style == KernelStyle.TUNED
                ? KernelCall.tuned("activate", new Groups(this), TokenRows.grid(most, activation.length()))
                : KernelCall.portable("activate", new Portable(this));
        this.program = new KeptProgram(
                device,
                new KernelProgram(
                        "activation", List.of(call), List.of(), List.of(shape, x, bias), List.of(y), List.of()));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment from, MemorySegment b, int rows, MemorySegment to) {
        if (closed) {
            throw new IllegalStateException("the plan of an activation is closed");
        }
        activation.check(from, b, most, rows, to);
        if (rows == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        shape.set(TokenShape.ROWS, rows);
        MemorySegment.copy(from, 0, x.getSegment(), 0, from.byteSize());
        if (b.byteSize() == 0) {
            bias.init(0);
        } else {
            MemorySegment.copy(b, 0, bias.getSegment(), 0, b.byteSize());
        }
        KernelTimes times = program.execute();
        MemorySegment.copy(y.getSegment(), 0, to, 0, to.byteSize());
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void close() {
        closed = true;
        program.close();
    }

    private record Portable(KernelActivation a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableTokens.activatePortable(
                    a.shape, a.x, a.bias, a.y, a.activation.length(), a.activation.code(), a.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    PortableTokens::activatePortable,
                    a.shape,
                    a.x,
                    a.bias,
                    a.y,
                    a.activation.length(),
                    a.activation.code(),
                    a.most);
        }
    }

    private record Groups(KernelActivation a) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupTokens.activateGroups(
                    context, a.shape, a.x, a.bias, a.y, a.activation.length(), a.activation.code(), a.most);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupTokens::activateGroups,
                    context,
                    a.shape,
                    a.x,
                    a.bias,
                    a.y,
                    a.activation.length(),
                    a.activation.code(),
                    a.most);
        }
    }
}
