package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupBest;
import dev.gust.kernels.logits.GroupSelect;
import dev.gust.kernels.logits.PortableBest;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels that find the best tokens and multiply them exactly, with their arguments. */
final class BestKernels {
    private BestKernels() {}

    record Parts(FloatArray y, FloatArray scores, IntArray ids, int wanted, int n, int capacity) implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableBest.partsPortable(y, scores, ids, wanted, n, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableBest::partsPortable, y, scores, ids, wanted, n, capacity);
        }
    }

    record Merge(FloatArray scores, IntArray ids, IntArray next, IntArray found, int wanted, int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableBest.mergePortable(scores, ids, next, found, wanted, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableBest::mergePortable, scores, ids, next, found, wanted, capacity);
        }
    }

    /**
     * All that is behind the scores, for few tokens.
     *
     * @param flags as {@link Gather}'s
     */
    record Select(
            FloatArray y,
            FloatArray maxima,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            IntArray listed,
            FloatArray values,
            int n,
            int d,
            int flags,
            int heap,
            int piles,
            int slots,
            int lanes)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupSelect.selectGroups(
                    context, y, maxima, w, bias, h, listed, values, n, d, flags, heap, piles, slots, lanes);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupSelect::selectGroups,
                    context,
                    y,
                    maxima,
                    w,
                    bias,
                    h,
                    listed,
                    values,
                    n,
                    d,
                    flags,
                    heap,
                    piles,
                    slots,
                    lanes);
        }

        @Override
        public long localMemoryBytes() {
            return 8L * (GroupSelect.LOCAL + 40 + slots);
        }
    }

    record Count(
            FloatArray y, FloatArray maxima, FloatArray bounds, IntArray counts, IntArray sizes, int heap, int piles)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupBest.countGroups(context, y, maxima, bounds, counts, sizes, heap, piles);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupBest::countGroups, context, y, maxima, bounds, counts, sizes, heap, piles);
        }
    }

    record Listing(
            FloatArray y,
            FloatArray bounds,
            IntArray counts,
            IntArray found,
            IntArray totals,
            IntArray sizes,
            int slots)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupBest.listGroups(context, y, bounds, counts, found, totals, sizes, slots);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupBest::listGroups, context, y, bounds, counts, found, totals, sizes, slots);
        }
    }

    /**
     * What a gather reads and writes, and how.
     *
     * @param flags 1 for a bias, 2 for scores y, 4 for exact logits, added up
     */
    record Gather(
            IntArray found,
            IntArray totals,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray listed,
            FloatArray values,
            IntArray sizes,
            int flags,
            int n,
            int slots,
            int capacity,
            boolean tuned)
            implements Kernel {
        static final int BIAS = 1;
        static final int SCORES = 2;
        static final int EXACT = 4;

        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupBest.gatherGroups(context, found, totals, w, bias, h, y, listed, values, sizes, flags, slots);
            } else {
                PortableBest.gatherPortable(
                        found, totals, w, bias, h, y, listed, values, sizes, flags, n, slots, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            GroupBest::gatherGroups,
                            context,
                            found,
                            totals,
                            w,
                            bias,
                            h,
                            y,
                            listed,
                            values,
                            sizes,
                            flags,
                            slots)
                    : graph.task(
                            task,
                            PortableBest::gatherPortable,
                            found,
                            totals,
                            w,
                            bias,
                            h,
                            y,
                            listed,
                            values,
                            sizes,
                            flags,
                            n,
                            slots,
                            capacity);
        }
    }
}
