package dev.gust.runtime.vision;

import dev.gust.kernels.vision.GroupVision;
import dev.gust.kernels.vision.PortableVision;
import dev.gust.kernels.vision.TiledVision;
import dev.gust.runtime.kernel.Kernel;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels of attention with their arguments; {@code capacity} is in rows, {@code heads} counts those of all batches. */
final class VisionKernels {
    private VisionKernels() {}

    /** The tiles of the greedier of the two kernels that have them. */
    private static final long TILES =
            (long) TiledVision.SIDE * (2 * TiledVision.SIDE + TiledVision.COLUMNS + 1) * Float.BYTES;

    record Features(FloatArray x, FloatArray out, IntArray sizes, int count, int code, int capacity, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupVision.featuresGroups(context, x, out, sizes, code);
            } else {
                PortableVision.featuresPortable(x, out, sizes, count, code, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupVision::featuresGroups, context, x, out, sizes, code)
                    : graph.task(task, PortableVision::featuresPortable, x, out, sizes, count, code, capacity);
        }
    }

    record Rotate(
            FloatArray features,
            FloatArray cos,
            FloatArray sin,
            FloatArray out,
            IntArray sizes,
            int count,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupVision.rotateGroups(context, features, cos, sin, out, sizes);
            } else {
                PortableVision.rotatePortable(features, cos, sin, out, sizes, count, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupVision::rotateGroups, context, features, cos, sin, out, sizes)
                    : graph.task(task, PortableVision::rotatePortable, features, cos, sin, out, sizes, count, capacity);
        }
    }

    record Means(
            FloatArray x,
            FloatArray weights,
            FloatArray out,
            IntArray sizes,
            int count,
            int weighted,
            int heads,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupVision.meansGroups(context, x, weights, out, sizes, count, weighted);
            } else {
                PortableVision.meansPortable(x, weights, out, sizes, count, weighted, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupVision::meansGroups, context, x, weights, out, sizes, count, weighted)
                    : graph.task(task, PortableVision::meansPortable, x, weights, out, sizes, count, weighted, heads);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? (long) GroupVision.COLUMNS * GroupVision.LINES * Float.BYTES : 0;
        }
    }

    record Logits(
            FloatArray features,
            FloatArray means,
            FloatArray logits,
            IntArray sizes,
            float scale,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupVision.logitsGroups(context, features, means, logits, sizes, scale);
            } else {
                PortableVision.logitsPortable(features, means, logits, sizes, scale, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupVision::logitsGroups, context, features, means, logits, sizes, scale)
                    : graph.task(task, PortableVision::logitsPortable, features, means, logits, sizes, scale, capacity);
        }
    }

    record TokenWeights(FloatArray logits, FloatArray weights, IntArray sizes, int heads, boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                GroupVision.tokenWeightsGroups(context, logits, weights, sizes);
            } else {
                PortableVision.tokenWeightsPortable(logits, weights, sizes, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(task, GroupVision::tokenWeightsGroups, context, logits, weights, sizes)
                    : graph.task(task, PortableVision::tokenWeightsPortable, logits, weights, sizes, heads);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? (long) GroupVision.LOCAL * Float.BYTES : 0;
        }
    }

    record State(
            FloatArray k,
            FloatArray v,
            FloatArray keyWeights,
            FloatArray valueWeights,
            FloatArray state,
            IntArray sizes,
            int count,
            int width,
            int weighting,
            int heads,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                TiledVision.stateTiles(context, k, v, keyWeights, valueWeights, state, sizes, count, width, weighting);
            } else {
                PortableVision.statePortable(
                        k, v, keyWeights, valueWeights, state, sizes, count, width, weighting, heads);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            TiledVision::stateTiles,
                            context,
                            k,
                            v,
                            keyWeights,
                            valueWeights,
                            state,
                            sizes,
                            count,
                            width,
                            weighting)
                    : graph.task(
                            task,
                            PortableVision::statePortable,
                            k,
                            v,
                            keyWeights,
                            valueWeights,
                            state,
                            sizes,
                            count,
                            width,
                            weighting,
                            heads);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? TILES : 0;
        }
    }

    record Read(
            FloatArray q,
            FloatArray plain,
            FloatArray state,
            FloatArray keyMeans,
            FloatArray valueMeans,
            FloatArray o,
            IntArray sizes,
            int count,
            int width,
            int kind,
            float scale,
            float eps,
            int capacity,
            boolean tuned)
            implements Kernel {
        @Override
        public void run(KernelContext context) {
            if (tuned) {
                TiledVision.readTiles(
                        context, q, plain, state, keyMeans, valueMeans, o, sizes, count, width, kind, scale, eps);
            } else {
                PortableVision.readPortable(
                        q, plain, state, keyMeans, valueMeans, o, sizes, kind, scale, eps, capacity);
            }
        }

        @Override
        public TaskGraph addTo(TaskGraph graph, String task, KernelContext context) {
            return tuned
                    ? graph.task(
                            task,
                            TiledVision::readTiles,
                            context,
                            q,
                            plain,
                            state,
                            keyMeans,
                            valueMeans,
                            o,
                            sizes,
                            count,
                            width,
                            kind,
                            scale,
                            eps)
                    : graph.task(
                            task,
                            PortableVision::readPortable,
                            q,
                            plain,
                            state,
                            keyMeans,
                            valueMeans,
                            o,
                            sizes,
                            kind,
                            scale,
                            eps,
                            capacity);
        }

        @Override
        public long localMemoryBytes() {
            return tuned ? TILES : 0;
        }
    }
}
