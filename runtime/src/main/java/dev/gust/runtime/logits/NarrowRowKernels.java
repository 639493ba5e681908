package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.sdk.BrainScores;
import dev.gust.kernels.logits.sdk.HalfScores;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** Scores from rows of 16-bit floats. */
final class NarrowRowKernels {
    private NarrowRowKernels() {}

    /**
     * What both take beside their rows: see {@link GroupScores#rowsGroups}.
     *
     * @param biased whether there is a bias
     */
    record Operands(
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int lanes,
            int rows,
            int heap) {}

    /** Either kernel. */
    sealed interface Rows extends Kernel {
        Operands x();

        @Override
        default long localMemoryBytes() {
            return 4L * (x().rows * (x().lanes + 8) + GroupScores.LOCAL);
        }
    }

    /** {@link BrainScores}. */
    record Brains(LongArray w, Operands x) implements Rows {
        @Override
        public void run(KernelContext context) {
            BrainScores.rowsBrains(context, w, x.bias, x.h, x.y, x.maxima, x.sizes, x.biased, x.lanes, x.rows, x.heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    BrainScores::rowsBrains,
                    context,
                    w,
                    x.bias,
                    x.h,
                    x.y,
                    x.maxima,
                    x.sizes,
                    x.biased,
                    x.lanes,
                    x.rows,
                    x.heap);
        }
    }

    /** {@link HalfScores}. */
    record Halves(HalfFloatArray w, Operands x) implements Rows {
        @Override
        public void run(KernelContext context) {
            HalfScores.rowsHalves(context, w, x.bias, x.h, x.y, x.maxima, x.sizes, x.biased, x.lanes, x.rows, x.heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    HalfScores::rowsHalves,
                    context,
                    w,
                    x.bias,
                    x.h,
                    x.y,
                    x.maxima,
                    x.sizes,
                    x.biased,
                    x.lanes,
                    x.rows,
                    x.heap);
        }
    }
}
