package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels of {@link PortableLandmarks} for groups of {@link #LOCAL}. */
public final class GroupLandmarks {
    /** Work-items in a group. */
    public static final int LOCAL = 256;

    private GroupLandmarks() {}

    /** As {@link PortableLandmarks#landmarksPortable}, for at least heads · m · D work-items. */
    public static void landmarksGroups(
            KernelContext context, FloatArray x, FloatArray out, IntArray sizes, int width, float factor) {
        int i = context.globalIdx;
        int landmarks = sizes.get(VisionSizes.LANDMARKS);
        int row = i / width;
        int head = row / landmarks;
        if (head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS)) {
            int l = row - head * landmarks;
            out.set(i, VisionValues.landmark(x, sizes, head, l, i - row * width, landmarks, width, factor));
        }
    }

    /** As {@link PortableLandmarks#gaussiansPortable}, for at least rows · m work-items. */
    public static void gaussiansGroups(
            KernelContext context,
            FloatArray x,
            FloatArray landmarkRows,
            FloatArray out,
            IntArray sizes,
            float factor) {
        int i = context.globalIdx;
        int landmarks = sizes.get(VisionSizes.LANDMARKS);
        int row = i / landmarks;
        if (row < VisionValues.rows(sizes)) {
            int landmark = VisionValues.head(row, sizes) * landmarks + i - row * landmarks;
            out.set(i, VisionValues.gaussian(x, landmarkRows, row, landmark, sizes.get(VisionSizes.WIDTH), factor));
        }
    }

    /**
     * As {@link PortableLandmarks#matrixPortable}, for at least {@code count} work-items.
     *
     * @param count heads · m · m
     */
    public static void matrixGroups(
            KernelContext context, FloatArray landmarkRows, FloatArray out, IntArray sizes, int count) {
        int i = context.globalIdx;
        if (i < count) {
            int landmarks = sizes.get(VisionSizes.LANDMARKS);
            int row = i / landmarks;
            int other = row / landmarks * landmarks + i - row * landmarks;
            out.set(
                    i,
                    VisionValues.gaussian(landmarkRows, landmarkRows, row, other, sizes.get(VisionSizes.WIDTH), 1.0f));
        }
    }

    /**
     * As {@link PortableLandmarks#invertPortable}, a head to a group: V and VP lie in local memory, P and the next V in the
     * device's.
     *
     * @param landmarks m, at most 64
     */
    public static void invertGroups(
            KernelContext context, FloatArray matrix, FloatArray inverse, IntArray sizes, int landmarks) {
        float[] current = context.allocateFloatLocalArray(landmarks * landmarks);
        float[] product = context.allocateFloatLocalArray(landmarks * landmarks);
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int side = sizes.get(VisionSizes.LANDMARKS);
        int elements = side * side;
        int from = context.groupIdx * elements;
        float most = 0.0f;
        if (lane < side) {
            for (int c = 0; c < side; c++) {
                most += matrix.get(from + lane * side + c);
            }
        }
        sums[lane] = most;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                sums[lane] = TornadoMath.max(sums[lane], sums[lane + stride]);
            }
        }
        context.localBarrier();
        most = sums[0];
        float alpha = PortableLandmarks.START / (most * most);
        for (int e = lane; e < elements; e += LOCAL) {
            float ridge = e / side == e % side ? PortableLandmarks.RIDGE : 0.0f;
            current[e] = alpha * (matrix.get(from + e) + ridge);
        }
        context.localBarrier();
        int steps = sizes.get(VisionSizes.STEPS);
        for (int step = 0; step < steps; step++) {
            for (int e = lane; e < elements; e += LOCAL) {
                int r = e / side * side;
                int c = e % side;
                float sum = PortableLandmarks.RIDGE * current[e];
                for (int j = 0; j < side; j++) {
                    sum += current[r + j] * matrix.get(from + j * side + c);
                }
                product[e] = sum;
            }
            context.localBarrier();
            for (int e = lane; e < elements; e += LOCAL) {
                int r = e / side * side;
                int c = e % side;
                float sum = 0.0f;
                for (int j = 0; j < side; j++) {
                    sum += product[r + j] * current[j * side + c];
                }
                inverse.set(from + e, 2.0f * current[e] - sum);
            }
            context.localBarrier();
            for (int e = lane; e < elements; e += LOCAL) {
                current[e] = inverse.get(from + e);
            }
            context.localBarrier();
        }
    }

    /**
     * As {@link PortableLandmarks#applyPortable}, for at least {@code count} work-items.
     *
     * @param count heads · m · D
     */
    public static void applyGroups(
            KernelContext context, FloatArray inverse, FloatArray state, FloatArray out, IntArray sizes, int count) {
        int i = context.globalIdx;
        if (i < count) {
            int landmarks = sizes.get(VisionSizes.LANDMARKS);
            int width = sizes.get(VisionSizes.WIDTH);
            int row = i / width;
            int d = i - row * width;
            int first = row / landmarks * landmarks;
            float sum = 0.0f;
            for (int j = 0; j < landmarks; j++) {
                sum += inverse.get(row * landmarks + j) * state.get((first + j) * width + d);
            }
            out.set(i, sum * (float) sizes.get(VisionSizes.TOKENS));
        }
    }
}
