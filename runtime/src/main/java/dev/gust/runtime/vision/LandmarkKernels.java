package dev.gust.runtime.vision;

import dev.gust.kernels.vision.GroupLandmarks;
import dev.gust.kernels.vision.PortableLandmarks;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** SOFT's own kernels with their arguments; {@code capacity} is in rows, {@code heads} counts those of all batches. */
final class LandmarkKernels {
    private LandmarkKernels() {}

    record Pool(
            FloatArray x,
            FloatArray out,
            IntArray sizes,
            int landmarks,
            int width,
            float factor,
            int heads,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupLandmarks.landmarksGroups(context, x, out, sizes, width, factor);
            } else {
                PortableLandmarks.landmarksPortable(x, out, sizes, landmarks, width, factor, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupLandmarks::landmarksGroups, context, x, out, sizes, width, factor)
                    : graph.task(
                            task, PortableLandmarks::landmarksPortable, x, out, sizes, landmarks, width, factor, heads);
        }
    }

    record Gaussians(
            FloatArray x,
            FloatArray landmarkRows,
            FloatArray out,
            IntArray sizes,
            int landmarks,
            float factor,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupLandmarks.gaussiansGroups(context, x, landmarkRows, out, sizes, factor);
            } else {
                PortableLandmarks.gaussiansPortable(x, landmarkRows, out, sizes, landmarks, factor, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupLandmarks::gaussiansGroups, context, x, landmarkRows, out, sizes, factor)
                    : graph.task(
                            task,
                            PortableLandmarks::gaussiansPortable,
                            x,
                            landmarkRows,
                            out,
                            sizes,
                            landmarks,
                            factor,
                            capacity);
        }
    }

    record Matrix(FloatArray landmarkRows, FloatArray out, IntArray sizes, int landmarks, int heads, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupLandmarks.matrixGroups(context, landmarkRows, out, sizes, heads * landmarks * landmarks);
            } else {
                PortableLandmarks.matrixPortable(landmarkRows, out, sizes, landmarks, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            GroupLandmarks::matrixGroups,
                            context,
                            landmarkRows,
                            out,
                            sizes,
                            heads * landmarks * landmarks)
                    : graph.task(task, PortableLandmarks::matrixPortable, landmarkRows, out, sizes, landmarks, heads);
        }
    }

    record Invert(
            FloatArray matrix,
            FloatArray inverse,
            FloatArray product,
            FloatArray next,
            IntArray sizes,
            int landmarks,
            int heads,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupLandmarks.invertGroups(context, matrix, inverse, sizes, landmarks);
            } else {
                PortableLandmarks.invertPortable(matrix, inverse, product, next, sizes, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupLandmarks::invertGroups, context, matrix, inverse, sizes, landmarks)
                    : graph.task(task, PortableLandmarks::invertPortable, matrix, inverse, product, next, sizes, heads);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? (2L * landmarks * landmarks + GroupLandmarks.LOCAL) * Float.BYTES : 0;
        }
    }

    record Apply(
            FloatArray inverse, FloatArray state, FloatArray out, IntArray sizes, int width, int rows, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupLandmarks.applyGroups(context, inverse, state, out, sizes, rows * width);
            } else {
                PortableLandmarks.applyPortable(inverse, state, out, sizes, width, rows);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupLandmarks::applyGroups, context, inverse, state, out, sizes, rows * width)
                    : graph.task(task, PortableLandmarks::applyPortable, inverse, state, out, sizes, width, rows);
        }
    }
}
