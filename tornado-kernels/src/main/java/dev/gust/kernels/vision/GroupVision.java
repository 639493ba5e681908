package dev.gust.kernels.vision;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The preparing kernels of {@link PortableVision} for groups; {@link TiledVision} has the state and the output. */
public final class GroupVision {
    /** Work-items in a group, a power of two. */
    public static final int LOCAL = 128;

    /** Columns of which a group of {@link #meansGroups} takes the mean. */
    public static final int COLUMNS = 32;

    /** Work-items that share a column's tokens, a power of two. */
    public static final int LINES = 8;

    private GroupVision() {}

    /** As {@link PortableVision#featuresPortable}, for at least rows · F work-items in groups of {@link #LOCAL}. */
    public static void featuresGroups(KernelContext context, FloatArray x, FloatArray out, IntArray sizes, int code) {
        int i = context.globalIdx;
        int count = sizes.get(VisionSizes.FEATURES);
        int row = i / count;
        if (row < VisionValues.rows(sizes)) {
            out.set(i, VisionValues.feature(x, row, i - row * count, sizes.get(VisionSizes.WIDTH), code));
        }
    }

    /** As {@link PortableVision#rotatePortable}, for at least rows · F work-items in groups of {@link #LOCAL}. */
    public static void rotateGroups(
            KernelContext context,
            FloatArray features,
            FloatArray cos,
            FloatArray sin,
            FloatArray out,
            IntArray sizes) {
        int i = context.globalIdx;
        int count = sizes.get(VisionSizes.FEATURES);
        int width = sizes.get(VisionSizes.WIDTH);
        int row = i / count;
        if (row < VisionValues.rows(sizes)) {
            out.set(i, VisionValues.rotated(features, cos, sin, sizes, row, i - row * count, width, count));
        }
    }

    /**
     * As {@link PortableVision#meansPortable}, for a group of {@link #COLUMNS} × {@link #LINES} to each head and block of
     * columns; blocks of one head follow each other along x.
     *
     * @param count columns of x
     */
    public static void meansGroups(
            KernelContext context,
            FloatArray x,
            FloatArray weights,
            FloatArray out,
            IntArray sizes,
            int count,
            int weighted) {
        float[] sums = context.allocateFloatLocalArray(COLUMNS * LINES);
        int column = context.localIdx;
        int line = context.localIdy;
        int blocks = (count + COLUMNS - 1) / COLUMNS;
        int head = context.groupIdx / blocks;
        int c = (context.groupIdx - head * blocks) * COLUMNS + column;
        boolean inside = c < count && head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS);
        int tokens = sizes.get(VisionSizes.TOKENS);
        int end = inside ? tokens : 0;
        float share = 1.0f / (float) tokens;
        float sum = 0.0f;
        for (int n = line; n < end; n += LINES) {
            int row = VisionValues.row(head, n, sizes);
            sum += x.get(row * count + c) * (share * VisionValues.weight(weights, row, weighted));
        }
        sums[line * COLUMNS + column] = sum;
        for (int stride = LINES / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (line < stride) {
                sums[line * COLUMNS + column] += sums[(line + stride) * COLUMNS + column];
            }
        }
        if (line == 0 && inside) {
            out.set(head * count + c, sums[column]);
        }
    }

    /** As {@link PortableVision#logitsPortable}, for at least as many work-items as rows, in groups of {@link #LOCAL}. */
    public static void logitsGroups(
            KernelContext context,
            FloatArray features,
            FloatArray means,
            FloatArray logits,
            IntArray sizes,
            float scale) {
        int row = context.globalIdx;
        if (row < VisionValues.rows(sizes)) {
            int head = VisionValues.head(row, sizes);
            int count = sizes.get(VisionSizes.FEATURES);
            logits.set(row, scale * VisionValues.similarity(features, means, row, head, count));
        }
    }

    /** As {@link PortableVision#tokenWeightsPortable}, for a group of {@link #LOCAL} to each head. */
    public static void tokenWeightsGroups(
            KernelContext context, FloatArray logits, FloatArray weights, IntArray sizes) {
        float[] shared = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int head = context.groupIdx;
        int tokens = sizes.get(VisionSizes.TOKENS);
        int end = head < sizes.get(VisionSizes.BATCHES) * sizes.get(VisionSizes.HEADS) ? tokens : 0;
        float most = Float.NEGATIVE_INFINITY;
        for (int n = lane; n < end; n += LOCAL) {
            most = TornadoMath.max(most, logits.get(VisionValues.row(head, n, sizes)));
        }
        shared[lane] = most;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                shared[lane] = TornadoMath.max(shared[lane], shared[lane + stride]);
            }
        }
        context.localBarrier();
        most = shared[0];
        context.localBarrier();
        float sum = 0.0f;
        for (int n = lane; n < end; n += LOCAL) {
            sum += TornadoMath.exp(logits.get(VisionValues.row(head, n, sizes)) - most);
        }
        shared[lane] = sum;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                shared[lane] += shared[lane + stride];
            }
        }
        context.localBarrier();
        float factor = (float) tokens / shared[0];
        for (int n = lane; n < end; n += LOCAL) {
            int row = VisionValues.row(head, n, sizes);
            weights.set(row, TornadoMath.exp(logits.get(row) - most) * factor);
        }
    }
}
