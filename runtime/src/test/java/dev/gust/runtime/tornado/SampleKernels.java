package dev.gust.runtime.tornado;

import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Small kernels: some that work, one that is slow, one that TornadoVM cannot compile. */
final class SampleKernels {
    static final int LOCAL = 32;

    private SampleKernels() {}

    static void scaledKernel(FloatArray a, FloatArray x, FloatArray y) {
        for (@Parallel int i = 0; i < y.getSize(); i++) {
            y.set(i, a.get(0) * x.get(i));
        }
    }

    /** y[group] is the sum of the group's x. */
    static void groupSumsKernel(KernelContext context, FloatArray x, FloatArray y) {
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        sums[lane] = x.get(context.globalIdx);
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                sums[lane] += sums[lane + stride];
            }
        }
        if (lane == 0) {
            y.set(context.groupIdx, sums[0]);
        }
    }

    /** Right in groups of any size. */
    static void itemsKernel(KernelContext context, FloatArray x, FloatArray y) {
        y.set(context.globalIdx, x.get(context.globalIdx));
    }

    /** A chain of dependent steps; their number is read from memory, so that no compiler shortens it. */
    static void slowKernel(IntArray steps, IntArray y) {
        for (@Parallel int i = 0; i < y.getSize(); i++) {
            int state = i;
            for (int s = 0; s < steps.get(0); s++) {
                state = state * 1664525 + 1013904223 + steps.get(state & 1);
            }
            y.set(i, state);
        }
    }

    /** Bits of a computed float: TornadoVM has no such thing. */
    static void uncompilableKernel(FloatArray x, IntArray y) {
        for (@Parallel int i = 0; i < y.getSize(); i++) {
            y.set(i, Float.floatToRawIntBits(x.get(i) * 2.0f) & 0xff);
        }
    }

    static KernelProgram scaled(FloatArray a, FloatArray x, FloatArray y) {
        var kernel = new Kernel() {
            @Override
            public void run(KernelContext context) {
                scaledKernel(a, x, y);
            }

            @Override
            public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
                return graph.task(task, SampleKernels::scaledKernel, a, x, y);
            }
        };
        return new KernelProgram(
                "scaling", List.of(KernelCall.portable("scaled", kernel)), List.of(a), List.of(x), List.of(y));
    }

    static KernelProgram groupSums(FloatArray x, FloatArray y, Grid grid, long localMemory) {
        var kernel = new Kernel() {
            @Override
            public void run(KernelContext context) {
                groupSumsKernel(context, x, y);
            }

            @Override
            public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
                return graph.task(task, SampleKernels::groupSumsKernel, context, x, y);
            }

            @Override
            public long localMemoryBytes() {
                return localMemory;
            }
        };
        return new KernelProgram(
                "summing", List.of(KernelCall.tuned("sums", kernel, grid)), List.of(), List.of(x), List.of(y));
    }

    static KernelProgram items(FloatArray x, FloatArray y, Grid grid) {
        var kernel = new Kernel() {
            @Override
            public void run(KernelContext context) {
                itemsKernel(context, x, y);
            }

            @Override
            public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
                return graph.task(task, SampleKernels::itemsKernel, context, x, y);
            }
        };
        return new KernelProgram(
                "copying", List.of(KernelCall.tuned("items", kernel, grid)), List.of(), List.of(x), List.of(y));
    }

    static KernelProgram slow(IntArray steps, IntArray y) {
        var kernel = new Kernel() {
            @Override
            public void run(KernelContext context) {
                slowKernel(steps, y);
            }

            @Override
            public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
                return graph.task(task, SampleKernels::slowKernel, steps, y);
            }
        };
        return new KernelProgram(
                "waiting", List.of(KernelCall.portable("slow", kernel)), List.of(), List.of(steps), List.of(y));
    }

    static KernelProgram uncompilable(FloatArray x, IntArray y) {
        var kernel = new Kernel() {
            @Override
            public void run(KernelContext context) {
                uncompilableKernel(x, y);
            }

            @Override
            public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
                return graph.task(task, SampleKernels::uncompilableKernel, x, y);
            }
        };
        return new KernelProgram(
                "failing", List.of(KernelCall.portable("bits", kernel)), List.of(), List.of(x), List.of(y));
    }

    static FloatArray floats(int size, float value) {
        var array = new FloatArray(size);
        for (int i = 0; i < size; i++) {
            array.set(i, value);
        }
        return array;
    }
}
