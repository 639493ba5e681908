package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupCodes;
import dev.gust.kernels.logits.GroupScores;
import dev.gust.kernels.logits.PortableScores;
import dev.gust.kernels.logits.QuartetScores;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** The kernels that score tokens, with their arguments; {@code capacity} is M. */
final class ScoreKernels {
    private ScoreKernels() {}

    record Rows(
            FloatArray w, FloatArray bias, FloatArray h, FloatArray y, IntArray sizes, int biased, int n, int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableScores.rowsPortable(w, bias, h, y, sizes, biased, n, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableScores::rowsPortable, w, bias, h, y, sizes, biased, n, capacity);
        }
    }

    record RowGroups(
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int lanes,
            int rows,
            int heap)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupScores.rowsGroups(context, w, bias, h, y, maxima, sizes, biased, lanes, rows, heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, GroupScores::rowsGroups, context, w, bias, h, y, maxima, sizes, biased, lanes, rows, heap);
        }

        @Override
        public long localMemoryBytes() {
            return 4L * (rows * (lanes + 8) + GroupScores.LOCAL);
        }
    }

    record Quartets(
            LongArray words,
            FloatArray scales,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableScores.quartetsPortable(words, scales, bias, h, y, sizes, biased, n, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, PortableScores::quartetsPortable, words, scales, bias, h, y, sizes, biased, n, capacity);
        }
    }

    record QuartetGroups(
            LongArray words,
            IntArray scaleWords,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int side,
            int slice,
            int d,
            int blocks,
            int heap)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            QuartetScores.quartetsGroups(
                    context, words, scaleWords, bias, h, y, maxima, sizes, biased, side, slice, d, blocks, heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    QuartetScores::quartetsGroups,
                    context,
                    words,
                    scaleWords,
                    bias,
                    h,
                    y,
                    maxima,
                    sizes,
                    biased,
                    side,
                    slice,
                    d,
                    blocks,
                    heap);
        }

        @Override
        public long localMemoryBytes() {
            return 4L * (37 * slice + 10 * QuartetScores.QUARTETS * side + 128 + 4 * QuartetScores.QUARTETS);
        }
    }

    record Tables(
            FloatArray columns,
            FloatArray h,
            FloatArray tables,
            IntArray sizes,
            int step,
            int width,
            int entries,
            int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableScores.tablesPortable(columns, h, tables, sizes, step, width, entries, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task, PortableScores::tablesPortable, columns, h, tables, sizes, step, width, entries, capacity);
        }
    }

    record TableGroups(
            FloatArray columns,
            FloatArray radii,
            FloatArray h,
            IntArray tables,
            FloatArray steps,
            IntArray sizes,
            int d,
            int books,
            int step,
            int width)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupCodes.tablesGroups(context, columns, radii, h, tables, steps, sizes, d, books, step, width);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupCodes::tablesGroups,
                    context,
                    columns,
                    radii,
                    h,
                    tables,
                    steps,
                    sizes,
                    d,
                    books,
                    step,
                    width);
        }

        @Override
        public long localMemoryBytes() {
            return 8L * (GroupCodes.TABLE_LOCAL + GroupCodes.BLOCK);
        }
    }

    record Codes(
            IntArray codes,
            FloatArray tables,
            FloatArray bias,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int capacity)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            PortableScores.codesPortable(codes, tables, bias, y, sizes, biased, n, capacity);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, PortableScores::codesPortable, codes, tables, bias, y, sizes, biased, n, capacity);
        }
    }

    record CodeGroups(
            LongArray codes,
            IntArray tables,
            FloatArray steps,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int parts,
            int pieces,
            int heap)
            implements Kernel {
        /** Bytes of local memory, 42.1 KiB. */
        static final long LOCAL_BYTES = 4L * (GroupCodes.WORDS + 32 * GroupCodes.MOST_PANELS);

        @Override
        public void run(KernelContext context) {
            GroupCodes.codesGroups(context, codes, tables, steps, bias, y, maxima, sizes, biased, parts, pieces, heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(
                    task,
                    GroupCodes::codesGroups,
                    context,
                    codes,
                    tables,
                    steps,
                    bias,
                    y,
                    maxima,
                    sizes,
                    biased,
                    parts,
                    pieces,
                    heap);
        }

        @Override
        public long localMemoryBytes() {
            return LOCAL_BYTES;
        }
    }

    record CodePieces(
            FloatArray sums, FloatArray bias, FloatArray y, FloatArray maxima, int n, int biased, int pieces, int heap)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupCodes.piecesGroups(context, sums, bias, y, maxima, n, biased, pieces, heap);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupCodes::piecesGroups, context, sums, bias, y, maxima, n, biased, pieces, heap);
        }

        @Override
        public long localMemoryBytes() {
            return 4L * GroupCodes.LOCAL;
        }
    }

    record Scatter(
            FloatArray logits,
            IntArray assignments,
            FloatArray bias,
            FloatArray y,
            FloatArray maxima,
            IntArray sizes,
            int biased,
            int k,
            int n,
            int capacity,
            int heap,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupScores.scatterGroups(context, logits, assignments, bias, y, maxima, sizes, biased, k, heap);
            } else {
                PortableScores.scatterPortable(logits, assignments, bias, y, biased, k, n, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            GroupScores::scatterGroups,
                            context,
                            logits,
                            assignments,
                            bias,
                            y,
                            maxima,
                            sizes,
                            biased,
                            k,
                            heap)
                    : graph.task(
                            task,
                            PortableScores::scatterPortable,
                            logits,
                            assignments,
                            bias,
                            y,
                            biased,
                            k,
                            n,
                            capacity);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? 4L * GroupScores.LOCAL : 0;
        }
    }
}
