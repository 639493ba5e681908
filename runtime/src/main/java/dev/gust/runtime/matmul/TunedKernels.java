package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.BrainMatmul;
import dev.gust.kernels.matmul.ByteMatmul;
import dev.gust.kernels.matmul.ByteRowsMatmul;
import dev.gust.kernels.matmul.FloatMatmul;
import dev.gust.kernels.matmul.GroupMatmul;
import dev.gust.kernels.matmul.HalfMatmul;
import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.NibbleMatmul;
import dev.gust.kernels.matmul.NibbleRowsMatmul;
import dev.gust.kernels.matmul.TiledMatmul;
import dev.gust.kernels.matmul.WeightCode;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The tuned matmul kernels with their arguments. */
final class TunedKernels {
    private TunedKernels() {}

    /** Two tables, a sum for each row, x's row and 16th of a group, and one more for each work-item. */
    private static long packedLocalBytes(Tuning t, int vectors) {
        return (256L * 32 + 256 + (long) t.rows() * vectors * (t.local() + 16) + t.local()) * Float.BYTES;
    }

    /** {@link GroupMatmul}. */
    record General(PackedArrays w, IntArray shape, FloatArray x, FloatArray y) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) GroupMatmul.LOCAL * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            GroupMatmul.matmulGroups(
                    c, w.words(), w.floats(), w.scaleWords(), w.scales(), w.tables(), shape, x, y, w.code(), w.scale());
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    GroupMatmul::matmulGroups,
                    c,
                    w.words(),
                    w.floats(),
                    w.scaleWords(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.scale());
        }
    }

    /** {@link TiledMatmul}. */
    record Tiles(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity, int vectors)
            implements Kernel {
        @Override
        public long localMemoryBytes() {
            return 2L * TiledMatmul.DEPTH * (TiledMatmul.ROWS + 1) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            TiledMatmul.matmulTiles(
                    c,
                    w.words(),
                    w.floats(),
                    w.scaleWords(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.scale(),
                    capacity,
                    vectors);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    TiledMatmul::matmulTiles,
                    c,
                    w.words(),
                    w.floats(),
                    w.scaleWords(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.code(),
                    w.scale(),
                    capacity,
                    vectors);
        }
    }

    /** {@link FloatMatmul}. */
    record Floats(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int lanes, int rows) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) FloatMatmul.localFloats(lanes, rows) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            FloatMatmul.matmulFloats(c, w.floats(), w.tables(), shape, x, y, lanes, rows);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, FloatMatmul::matmulFloats, c, w.floats(), w.tables(), shape, x, y, lanes, rows);
        }
    }

    /** {@link HalfMatmul} or {@link BrainMatmul}, as the weight's code asks. */
    record Halves(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, Tuning t) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) ((w.code() == WeightCode.F16 ? HalfMatmul.TABLES : BrainMatmul.TABLES) + t.rows() * t.local())
                    * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            if (w.code() == WeightCode.F16) {
                HalfMatmul.matmulHalves(c, w.words(), w.tables(), shape, x, y, t.local(), t.rows());
            } else {
                BrainMatmul.matmulBrains(c, w.words(), w.tables(), shape, x, y, t.local(), t.rows());
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return w.code() == WeightCode.F16
                    ? graph.task(
                            task, HalfMatmul::matmulHalves, c, w.words(), w.tables(), shape, x, y, t.local(), t.rows())
                    : graph.task(
                            task,
                            BrainMatmul::matmulBrains,
                            c,
                            w.words(),
                            w.tables(),
                            shape,
                            x,
                            y,
                            t.local(),
                            t.rows());
        }
    }

    /** {@link ByteMatmul} or {@link NibbleMatmul}, as the weight's code asks. */
    record Row(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, Tuning t) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return packedLocalBytes(t, 1);
        }

        private int grouped() {
            return TunedMatmul.isGrouped(w, shape) ? 1 : 0;
        }

        private int scaleRows() {
            return shape.get(MatmulShape.SCALE_ROWS);
        }

        @Override
        public void run(KernelContext c) {
            if (w.code() == WeightCode.BITS_8) {
                ByteMatmul.matmulBytes(
                        c,
                        w.words(),
                        w.scaleWords(),
                        w.scales(),
                        w.tables(),
                        shape,
                        x,
                        y,
                        w.scale(),
                        grouped(),
                        scaleRows(),
                        t.local(),
                        t.rows());
            } else {
                NibbleMatmul.matmulNibbles(
                        c,
                        w.words(),
                        w.scaleWords(),
                        w.scales(),
                        w.tables(),
                        shape,
                        x,
                        y,
                        w.scale(),
                        grouped(),
                        scaleRows(),
                        t.local(),
                        t.rows());
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return w.code() == WeightCode.BITS_8
                    ? graph.task(
                            task,
                            ByteMatmul::matmulBytes,
                            c,
                            w.words(),
                            w.scaleWords(),
                            w.scales(),
                            w.tables(),
                            shape,
                            x,
                            y,
                            w.scale(),
                            grouped(),
                            scaleRows(),
                            t.local(),
                            t.rows())
                    : graph.task(
                            task,
                            NibbleMatmul::matmulNibbles,
                            c,
                            w.words(),
                            w.scaleWords(),
                            w.scales(),
                            w.tables(),
                            shape,
                            x,
                            y,
                            w.scale(),
                            grouped(),
                            scaleRows(),
                            t.local(),
                            t.rows());
        }
    }

    /** {@link ByteRowsMatmul} or {@link NibbleRowsMatmul}, as the weight's code asks. */
    record Rows(PackedArrays w, IntArray shape, FloatArray x, FloatArray y, Tuning t) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return packedLocalBytes(t, NibbleRowsMatmul.VECTORS);
        }

        private int grouped() {
            return TunedMatmul.isGrouped(w, shape) ? 1 : 0;
        }

        private int scaleRows() {
            return shape.get(MatmulShape.SCALE_ROWS);
        }

        @Override
        public void run(KernelContext c) {
            if (w.code() == WeightCode.BITS_8) {
                ByteRowsMatmul.matmulByteRows(
                        c,
                        w.words(),
                        w.scaleWords(),
                        w.scales(),
                        w.tables(),
                        shape,
                        x,
                        y,
                        w.scale(),
                        grouped(),
                        scaleRows(),
                        t.local(),
                        t.rows());
            } else {
                NibbleRowsMatmul.matmulNibbleRows(
                        c,
                        w.words(),
                        w.scaleWords(),
                        w.scales(),
                        w.tables(),
                        shape,
                        x,
                        y,
                        w.scale(),
                        grouped(),
                        scaleRows(),
                        t.local(),
                        t.rows());
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return w.code() == WeightCode.BITS_8
                    ? graph.task(
                            task,
                            ByteRowsMatmul::matmulByteRows,
                            c,
                            w.words(),
                            w.scaleWords(),
                            w.scales(),
                            w.tables(),
                            shape,
                            x,
                            y,
                            w.scale(),
                            grouped(),
                            scaleRows(),
                            t.local(),
                            t.rows())
                    : graph.task(
                            task,
                            NibbleRowsMatmul::matmulNibbleRows,
                            c,
                            w.words(),
                            w.scaleWords(),
                            w.scales(),
                            w.tables(),
                            shape,
                            x,
                            y,
                            w.scale(),
                            grouped(),
                            scaleRows(),
                            t.local(),
                            t.rows());
        }
    }
}
