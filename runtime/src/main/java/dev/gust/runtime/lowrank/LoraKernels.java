package dev.gust.runtime.lowrank;

import dev.gust.kernels.lowrank.GroupLora;
import dev.gust.kernels.lowrank.PortableLora;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.matmul.PackedArrays;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The kernels for batched LoRA with the arguments that they share.
 *
 * @param b all adapters' B [all ranks, N]
 * @param a all adapters' Aᵀ [all ranks, M]
 * @param shape see {@link dev.gust.kernels.lowrank.LoraShape}
 * @param ids [capacity]
 * @param scales each adapter's
 * @param x [capacity, N]
 * @param h [capacity, largest rank]
 * @param capacity tokens for which there is room
 */
record LoraKernels(
        PackedArrays b,
        PackedArrays a,
        IntArray shape,
        IntArray ids,
        FloatArray scales,
        FloatArray x,
        FloatArray h,
        int capacity) {

    private int rank() {
        return h.getSize() / capacity;
    }

    KernelCall down(KernelStyle style) {
        return switch (style) {
            case PORTABLE -> KernelCall.portable("down", new Down(this, rank()));
            case TUNED ->
                KernelCall.tuned("down", new DownGroups(this), Grid.ofGroups(rank(), capacity, GroupLora.LOCAL, 1));
        };
    }

    /** The same for both styles: its work-items share nothing. */
    KernelCall up(FloatArray base, FloatArray y, boolean adds) {
        return KernelCall.portable("up", new Up(this, base, y, adds ? 1 : 0));
    }

    private record Down(LoraKernels l, int rank) implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableLora.downPortable(
                    l.b.words(), l.b.floats(), l.b.tables(), l.shape, l.ids, l.x, l.h, l.b.code(), rank, l.capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    PortableLora::downPortable,
                    l.b.words(),
                    l.b.floats(),
                    l.b.tables(),
                    l.shape,
                    l.ids,
                    l.x,
                    l.h,
                    l.b.code(),
                    rank,
                    l.capacity);
        }
    }

    private record DownGroups(LoraKernels l) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupLora.LOCAL * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupLora.downGroups(c, l.b.words(), l.b.floats(), l.b.tables(), l.shape, l.ids, l.x, l.h, l.b.code());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupLora::downGroups,
                    c,
                    l.b.words(),
                    l.b.floats(),
                    l.b.tables(),
                    l.shape,
                    l.ids,
                    l.x,
                    l.h,
                    l.b.code());
        }
    }

    private record Up(LoraKernels l, FloatArray base, FloatArray y, int adds) implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableLora.upPortable(
                    l.a.words(),
                    l.a.floats(),
                    l.a.tables(),
                    l.shape,
                    l.ids,
                    l.scales,
                    l.h,
                    base,
                    y,
                    l.a.code(),
                    adds,
                    l.a.k(),
                    l.capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    PortableLora::upPortable,
                    l.a.words(),
                    l.a.floats(),
                    l.a.tables(),
                    l.shape,
                    l.ids,
                    l.scales,
                    l.h,
                    base,
                    y,
                    l.a.code(),
                    adds,
                    l.a.k(),
                    l.capacity);
        }
    }
}
