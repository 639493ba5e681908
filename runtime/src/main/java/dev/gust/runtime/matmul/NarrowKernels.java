package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.sdk.FloatBitsMatmul;
import dev.gust.kernels.matmul.sdk.FloatPairsMatmul;
import dev.gust.kernels.matmul.sdk.HalfArrayMatmul;
import dev.gust.kernels.matmul.sdk.HalfPairMatmul;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels over {@link NarrowArrays} with their arguments. */
final class NarrowKernels {
    private NarrowKernels() {}

    /** {@link HalfArrayMatmul}. */
    record Halves(HalfArrays w, IntArray shape, FloatArray x, FloatArray y, int local) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (long) (local + HalfArrayMatmul.ADDERS) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            HalfArrayMatmul.matmulHalfArrays(c, w.halves(), w.tables(), shape, x, y, local);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(task, HalfArrayMatmul::matmulHalfArrays, c, w.halves(), w.tables(), shape, x, y, local);
        }
    }

    /** {@link HalfPairMatmul}. */
    record HalfPairs(HalfArrays w, IntArray shape, FloatArray x, FloatArray y, int local) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return ((HalfPairMatmul.BATCH - 1 + HalfPairMatmul.ROWS) * (local + 8L) + local) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            HalfPairMatmul.matmulHalfPairs(c, w.halves(), w.tables(), shape, x, y, w.k(), local);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task, HalfPairMatmul::matmulHalfPairs, c, w.halves(), w.tables(), shape, x, y, w.k(), local);
        }
    }

    /** {@link FloatBitsMatmul}. */
    record FloatBits(FloatBitArrays w, IntArray shape, FloatArray x, FloatArray y, int local) implements Kernel {
        @Override
        public long localMemoryBytes() {
            return (256 + (FloatBitsMatmul.BATCH - 1 + FloatBitsMatmul.ROWS) * (local + 8L) + local) * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            FloatBitsMatmul.matmulFloatBits(
                    c,
                    w.words(),
                    w.scaleBytes(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.geometry().bits(),
                    w.geometry().exponent(),
                    w.scale(),
                    w.scaleRows(),
                    w.scaleColumns(),
                    w.k(),
                    local);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    FloatBitsMatmul::matmulFloatBits,
                    c,
                    w.words(),
                    w.scaleBytes(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.geometry().bits(),
                    w.geometry().exponent(),
                    w.scale(),
                    w.scaleRows(),
                    w.scaleColumns(),
                    w.k(),
                    local);
        }
    }

    /** {@link FloatPairsMatmul}. */
    record FloatPairs(FloatBitArrays w, IntArray shape, FloatArray x, FloatArray y, int local) implements Kernel {
        @Override
        public long localMemoryBytes() {
            int floats = 256
                    + 512 * FloatPairsMatmul.COPIES
                    + (FloatPairsMatmul.BATCH - 1 + FloatPairsMatmul.ROWS) * (local + FloatPairsMatmul.GAP)
                    + 2 * FloatPairsMatmul.ROWS * FloatPairsMatmul.SHARERS;
            return (long) floats * Float.BYTES;
        }

        @Override
        public void run(KernelContext c) {
            FloatPairsMatmul.matmulFloatPairs(
                    c,
                    w.words(),
                    w.scaleBytes(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.scale(),
                    w.scaleRows(),
                    w.scaleColumns(),
                    w.n(),
                    w.k(),
                    local);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext c) {
            return graph.task(
                    task,
                    FloatPairsMatmul::matmulFloatPairs,
                    c,
                    w.words(),
                    w.scaleBytes(),
                    w.scales(),
                    w.tables(),
                    shape,
                    x,
                    y,
                    w.scale(),
                    w.scaleRows(),
                    w.scaleColumns(),
                    w.n(),
                    w.k(),
                    local);
        }
    }
}
