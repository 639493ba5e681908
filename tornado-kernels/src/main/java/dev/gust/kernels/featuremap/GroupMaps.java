package dev.gust.kernels.featuremap;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Those kernels of {@link PortableMaps} in which one work-item makes one element of the output, in groups of
 * {@link #LOCAL}: neighbours read and write neighbouring elements. {@link GroupRows} has the others.
 */
public final class GroupMaps {
    /** Work-items in a group. */
    public static final int LOCAL = 128;

    private GroupMaps() {}

    /** As {@link PortableMaps#projectPortable}, for at least capacity · width work-items. */
    public static void projectGroups(
            KernelContext context,
            FloatArray x,
            FloatArray w,
            FloatArray b,
            FloatArray y,
            IntArray sizes,
            int heads,
            int width) {
        int i = context.globalIdx;
        int row = i / width;
        if (row < sizes.get(MapCode.ROWS)) {
            y.set(i, MapValues.projected(x, w, b, sizes, row, i - row * width, heads, width));
        }
    }

    /** As {@link PortableMaps#pointwisePortable}, for at least capacity · width work-items. */
    public static void pointwiseGroups(
            KernelContext context, FloatArray x, FloatArray y, IntArray sizes, int width, int code) {
        int i = context.globalIdx;
        if (i / width < sizes.get(MapCode.ROWS)) {
            y.set(i, MapValues.pointwise(x.get(i), code));
        }
    }

    /** As {@link PortableMaps#exponentialPortable}, for at least capacity · columns work-items. */
    public static void exponentialGroups(
            KernelContext context,
            FloatArray y,
            FloatArray terms,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            float floor) {
        int i = context.globalIdx;
        int row = i / columns;
        if (row < sizes.get(MapCode.ROWS)) {
            out.set(i, MapValues.exponential(y, terms, row, i - row * columns, width, floor));
        }
    }

    /** As {@link PortableMaps#productPortable}, for at least capacity · columns work-items. */
    public static void productGroups(
            KernelContext context,
            FloatArray x,
            IntArray pairs,
            FloatArray coefficients,
            FloatArray out,
            IntArray sizes,
            int width,
            int columns,
            int mirror) {
        int i = context.globalIdx;
        int row = i / columns;
        if (row < sizes.get(MapCode.ROWS)) {
            out.set(i, MapValues.product(x, pairs, coefficients, row, i - row * columns, width, mirror));
        }
    }
}
