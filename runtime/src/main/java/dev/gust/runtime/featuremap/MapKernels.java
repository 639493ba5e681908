package dev.gust.runtime.featuremap;

import dev.gust.kernels.featuremap.GroupMaps;
import dev.gust.kernels.featuremap.GroupRows;
import dev.gust.kernels.featuremap.PortableMaps;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels of feature maps with their arguments; {@code capacity} is in rows. */
final class MapKernels {
    private MapKernels() {}

    record Normalise(
            FloatArray x, FloatArray affine, FloatArray y, IntArray sizes, int centred, int capacity, boolean tuned)
            implements Kernel {
        private static final float EPS = Stage.Normalise.EPS;

        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupRows.normaliseGroups(context, x, affine, y, sizes, centred, EPS);
            } else {
                PortableMaps.normalisePortable(x, affine, y, sizes, centred, EPS, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupRows::normaliseGroups, context, x, affine, y, sizes, centred, EPS)
                    : graph.task(task, PortableMaps::normalisePortable, x, affine, y, sizes, centred, EPS, capacity);
        }
    }

    record Project(
            FloatArray x,
            FloatArray w,
            FloatArray b,
            FloatArray y,
            IntArray sizes,
            int heads,
            int width,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupMaps.projectGroups(context, x, w, b, y, sizes, heads, width);
            } else {
                PortableMaps.projectPortable(x, w, b, y, sizes, heads, width, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupMaps::projectGroups, context, x, w, b, y, sizes, heads, width)
                    : graph.task(task, PortableMaps::projectPortable, x, w, b, y, sizes, heads, width, capacity);
        }
    }

    record Pointwise(FloatArray x, FloatArray y, IntArray sizes, int width, int code, int capacity, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupMaps.pointwiseGroups(context, x, y, sizes, width, code);
            } else {
                PortableMaps.pointwisePortable(x, y, sizes, width, code, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupMaps::pointwiseGroups, context, x, y, sizes, width, code)
                    : graph.task(task, PortableMaps::pointwisePortable, x, y, sizes, width, code, capacity);
        }
    }

    /** Only groups have it; the portable kernel makes the gain with the other terms. */
    record Gain(FloatArray x, FloatArray y, FloatArray terms, IntArray sizes) implements Kernel {
        @Override
        public void run(KernelContext context) {
            GroupRows.gainGroups(context, x, y, terms, sizes);
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return graph.task(task, GroupRows::gainGroups, context, x, y, terms, sizes);
        }
    }

    record Terms(FloatArray x, FloatArray y, FloatArray terms, IntArray sizes, int mode, int capacity, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupRows.termsGroups(context, y, terms, sizes, mode);
            } else {
                PortableMaps.termsPortable(x, y, terms, sizes, mode, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupRows::termsGroups, context, y, terms, sizes, mode)
                    : graph.task(task, PortableMaps::termsPortable, x, y, terms, sizes, mode, capacity);
        }
    }

    record Exponential(
            FloatArray y,
            FloatArray terms,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            float floor,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupMaps.exponentialGroups(context, y, terms, out, sizes, width, columns, floor);
            } else {
                PortableMaps.exponentialPortable(y, terms, out, sizes, width, columns, floor, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task, GroupMaps::exponentialGroups, context, y, terms, out, sizes, width, columns, floor)
                    : graph.task(
                            task,
                            PortableMaps::exponentialPortable,
                            y,
                            terms,
                            out,
                            sizes,
                            width,
                            columns,
                            floor,
                            capacity);
        }
    }

    record Product(
            FloatArray x,
            IntArray pairs,
            FloatArray coefficients,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            int mirror,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupMaps.productGroups(context, x, pairs, coefficients, out, sizes, width, columns, mirror);
            } else {
                PortableMaps.productPortable(x, pairs, coefficients, out, sizes, width, columns, mirror, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            GroupMaps::productGroups,
                            context,
                            x,
                            pairs,
                            coefficients,
                            out,
                            sizes,
                            width,
                            columns,
                            mirror)
                    : graph.task(
                            task,
                            PortableMaps::productPortable,
                            x,
                            pairs,
                            coefficients,
                            out,
                            sizes,
                            width,
                            columns,
                            mirror,
                            capacity);
        }
    }
}
