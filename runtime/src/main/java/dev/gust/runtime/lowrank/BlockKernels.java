package dev.gust.runtime.lowrank;

import dev.gust.kernels.lowrank.BlockShape;
import dev.gust.kernels.lowrank.GroupBlocks;
import dev.gust.kernels.lowrank.PortableBlocks;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.matmul.PackedArrays;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels for block-diagonal factors and sums with their arguments. */
final class BlockKernels {
    private BlockKernels() {}

    /** The numbers that kernels read from memory, for a matrix of blocks [rows, columns], one below the other. */
    static IntArray shape(int rows, int blockRows, int columns, int turn, int capacity) {
        var shape = new IntArray(BlockShape.LENGTH);
        shape.set(BlockShape.TOKENS, capacity);
        shape.set(BlockShape.ROWS, rows);
        shape.set(BlockShape.BLOCK_ROWS, blockRows);
        shape.set(BlockShape.COLUMNS, columns);
        shape.set(BlockShape.INPUTS, rows / blockRows * columns);
        shape.set(BlockShape.TURN, turn);
        shape.set(BlockShape.STEP, rows / turn);
        return shape;
    }

    /** {@link GroupBlocks}. */
    static KernelCall tuned(
            String name,
            PackedArrays w,
            IntArray shape,
            FloatArray x,
            FloatArray base,
            FloatArray y,
            boolean adds,
            int capacity) {
        return KernelCall.tuned(
                name,
                new Groups(w, shape, x, base, y, adds ? 1 : 0),
                Grid.ofGroups(Math.ceilDiv(w.n(), GroupBlocks.LINES), capacity, GroupBlocks.LANES, GroupBlocks.LINES));
    }

    /** {@link PortableBlocks}. */
    static KernelCall portable(String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        return KernelCall.portable(name, new Blocks(w, shape, x, y, capacity));
    }

    /** y = a + b. */
    static KernelCall sum(String name, FloatArray a, FloatArray b, FloatArray y) {
        return KernelCall.portable(name, new Sum(a, b, y, y.getSize()));
    }

    private record Groups(PackedArrays w, IntArray shape, FloatArray x, FloatArray base, FloatArray y, int adds)
            implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupBlocks.LANES * GroupBlocks.LINES * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupBlocks.blocksGroups(c, w.words(), w.floats(), w.tables(), shape, x, base, y, w.code(), adds);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupBlocks::blocksGroups,
                    c,
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    x,
                    base,
                    y,
                    w.code(),
                    adds);
        }
    }

    private record Blocks(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity) implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableBlocks.blocksPortable(w.words(), w.floats(), w.tables(), shape, x, y, w.code(), w.n(), capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    PortableBlocks::blocksPortable,
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.n(),
                    capacity);
        }
    }

    private record Sum(FloatArray a, FloatArray b, FloatArray y, int count) implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableBlocks.sumPortable(a, b, y, count);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, PortableBlocks::sumPortable, a, b, y, count);
        }
    }
}
