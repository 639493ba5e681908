package dev.gust.runtime.lowrank;

import dev.gust.kernels.lowrank.GroupSparse;
import dev.gust.kernels.lowrank.PortableSparse;
import dev.gust.kernels.lowrank.SparseShape;
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
 * The kernels for sparse inputs with the arguments that they share.
 *
 * @param scale [N] and the threshold behind them
 * @param index [capacity, N]
 * @param counts [capacity]
 * @param x [capacity, N]
 * @param h [capacity, r]
 * @param capacity tokens for which there is room
 */
record SparseKernels(FloatArray scale, IntArray index, IntArray counts, FloatArray x, FloatArray h, int capacity) {
    /** Groups of a sum that keep a large GPU busy: some to each of its multiprocessors. */
    private static final int GROUPS = 2048;

    /** Fewest rows to a slice, but for the last. */
    private static final int LEAST_ROWS = 32;

    /** Adding up more parts would take longer than it saves. */
    private static final int MOST_SLICES = 256;

    /** How many parts a sum of chosen rows is cut into. */
    static int slices(int inputs, int columns) {
        int wanted = GROUPS / Math.ceilDiv(columns, GroupSparse.LOCAL);
        return Math.clamp(wanted, 1, Math.min(MOST_SLICES, Math.ceilDiv(inputs, LEAST_ROWS)));
    }

    KernelCall select(IntArray shape, KernelStyle style) {
        return switch (style) {
            case PORTABLE -> KernelCall.portable("select", new Select(this, shape));
            case TUNED ->
                KernelCall.tuned("select", new SelectGroups(this, shape), Grid.ofGroups(capacity, GroupSparse.LOCAL));
        };
    }

    KernelCall portable(String name, PackedArrays w, IntArray shape, FloatArray y, int active) {
        return KernelCall.portable(name, new Rows(this, w, shape, y, active, shape.get(SparseShape.COLUMNS)));
    }

    KernelCall tuned(String name, PackedArrays w, IntArray shape, FloatArray partial, int active) {
        int groups = Math.ceilDiv(shape.get(SparseShape.COLUMNS), GroupSparse.LOCAL);
        return KernelCall.tuned(
                name,
                new RowsGroups(this, w, shape, partial, active),
                new Grid(groups * GroupSparse.LOCAL, shape.get(SparseShape.SLICES), capacity, GroupSparse.LOCAL, 1, 1));
    }

    KernelCall slices(String name, IntArray shape, FloatArray partial, FloatArray y) {
        return KernelCall.tuned(
                name,
                new Slices(shape, partial, y),
                Grid.ofGroups(
                        Math.ceilDiv(shape.get(SparseShape.COLUMNS), GroupSparse.LANES),
                        capacity,
                        GroupSparse.LANES,
                        GroupSparse.LINES));
    }

    private record Select(SparseKernels s, IntArray shape) implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableSparse.selectPortable(shape, s.x, s.scale, s.index, s.counts, s.capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, PortableSparse::selectPortable, shape, s.x, s.scale, s.index, s.counts, s.capacity);
        }
    }

    private record SelectGroups(SparseKernels s, IntArray shape) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupSparse.LOCAL * Integer.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupSparse.selectGroups(c, shape, s.x, s.scale, s.index, s.counts);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, GroupSparse::selectGroups, c, shape, s.x, s.scale, s.index, s.counts);
        }
    }

    private record Rows(SparseKernels s, PackedArrays w, IntArray shape, FloatArray y, int active, int columns)
            implements Kernel {
        @Override
        public void run(KernelContext c) {
            PortableSparse.rowsPortable(
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    s.index,
                    s.counts,
                    s.x,
                    s.h,
                    y,
                    w.code(),
                    active,
                    columns,
                    s.capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    PortableSparse::rowsPortable,
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    s.index,
                    s.counts,
                    s.x,
                    s.h,
                    y,
                    w.code(),
                    active,
                    columns,
                    s.capacity);
        }
    }

    private record RowsGroups(SparseKernels s, PackedArrays w, IntArray shape, FloatArray partial, int active)
            implements Kernel {
        @Override
        public void run(KernelContext c) {
            GroupSparse.rowsGroups(
                    c,
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    s.index,
                    s.counts,
                    s.x,
                    s.h,
                    partial,
                    w.code(),
                    active);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupSparse::rowsGroups,
                    c,
                    w.words(),
                    w.floats(),
                    w.tables(),
                    shape,
                    s.index,
                    s.counts,
                    s.x,
                    s.h,
                    partial,
                    w.code(),
                    active);
        }
    }

    private record Slices(IntArray shape, FloatArray partial, FloatArray y) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupSparse.LANES * GroupSparse.LINES * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupSparse.slicesGroups(c, shape, partial, y);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, GroupSparse::slicesGroups, c, shape, partial, y);
        }
    }
}
