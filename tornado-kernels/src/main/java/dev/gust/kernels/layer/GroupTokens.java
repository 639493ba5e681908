package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The kernels of {@link PortableTokens} with a work-item to an element along x, in groups of {@link #LOCAL}: neighbours read
 * and write neighbouring elements, whatever the width. The grid covers all rows for which there is room, rounded up.
 */
public final class GroupTokens {
    /** Work-items in a group. */
    public static final int LOCAL = 128;

    private GroupTokens() {}

    /** As {@link PortableTokens#embedPortable}. */
    public static void embedGroups(
            KernelContext context,
            IntArray shape,
            IntArray ids,
            FloatArray table,
            FloatArray y,
            int width,
            int tables,
            int capacity) {
        int i = context.globalIdx;
        if (i >= capacity * width) {
            return;
        }
        int row = i / width;
        int d = i - row * width;
        int end = 0;
        if (row < shape.get(TokenShape.ROWS)) {
            end = tables;
        }
        float sum = 0.0f;
        for (int j = 0; j < end; j++) {
            sum += table.get(ids.get(row * tables + j) * width + d);
        }
        y.set(i, sum);
    }

    /** As {@link PortableTokens#activatePortable}. */
    public static void activateGroups(
            KernelContext context,
            IntArray shape,
            FloatArray x,
            FloatArray bias,
            FloatArray y,
            int width,
            int code,
            int capacity) {
        int i = context.globalIdx;
        if (i >= capacity * width) {
            return;
        }
        int row = i / width;
        float value = 0.0f;
        if (row < shape.get(TokenShape.ROWS)) {
            value = ActivationCode.of(x.get(i) + bias.get(i - row * width), code);
        }
        y.set(i, value);
    }

    /** As {@link PortableTokens#poolPortable}. */
    public static void poolGroups(
            KernelContext context, IntArray bounds, FloatArray x, FloatArray y, int width, int capacity) {
        int i = context.globalIdx;
        if (i >= capacity * width) {
            return;
        }
        int n = i / width;
        y.set(i, PortableTokens.meanOf(bounds, x, width, n, i - n * width));
    }
}
