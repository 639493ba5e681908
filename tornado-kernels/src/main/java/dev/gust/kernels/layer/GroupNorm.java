package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The kernel of {@link PortableNorm} with several work-items to a row, which add their squares in local memory. Neighbours
 * work on neighbouring elements, so that loads are whole; short rows share a group.
 */
public final class GroupNorm {
    /** Work-items in a group. */
    public static final int LOCAL = 128;

    private GroupNorm() {}

    /**
     * As {@link PortableNorm#normRowsPortable}, for groups of {@link #LOCAL} along x, each of which does LOCAL / {@code lanes}
     * rows.
     *
     * @param lanes work-items to a row: a power of two, at most LOCAL
     */
    public static void normRowsGroups(
            KernelContext context,
            IntArray shape,
            FloatArray x,
            FloatArray weight,
            FloatArray gate,
            FloatArray y,
            int form,
            float epsilon,
            int capacity,
            int lanes) {
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int length = shape.get(NormShape.LENGTH_OF_ROW);
        int item = context.localIdx;
        int lane = item % lanes;
        int row = context.groupIdx * (LOCAL / lanes) + item / lanes;
        int first = row * length;
        int end = 0;
        if (row < TornadoMath.min(capacity, shape.get(NormShape.ROWS))) {
            end = length;
        }
        float mean = 0.0f;
        if ((form & NormForm.CENTRE) != 0) {
            float part = 0.0f;
            for (int d = lane; d < end; d += lanes) {
                part += NormForm.valueOf(x, gate, first + d, form);
            }
            sums[item] = part;
            context.localBarrier();
            for (int stride = lanes / 2; stride > 0; stride = stride / 2) {
                if (lane < stride) {
                    sums[item] = sums[item] + sums[item + stride];
                }
                context.localBarrier();
            }
            mean = sums[item - lane] / length;
            context.localBarrier();
        }
        float squares = 0.0f;
        for (int d = lane; d < end; d += lanes) {
            float value = NormForm.valueOf(x, gate, first + d, form) - mean;
            squares += value * value;
        }
        sums[item] = squares;
        context.localBarrier();
        for (int stride = lanes / 2; stride > 0; stride = stride / 2) {
            if (lane < stride) {
                sums[item] = sums[item] + sums[item + stride];
            }
            context.localBarrier();
        }
        float sum = sums[item - lane];
        if ((form & NormForm.MEAN) != 0) {
            sum = sum / length;
        }
        float factor = 1.0f / TornadoMath.sqrt(sum + epsilon);
        for (int d = lane; d < end; d += lanes) {
            float value = (NormForm.valueOf(x, gate, first + d, form) - mean) * factor;
            value = NormForm.resultOf(value, weight, gate, first + d, d, length, form);
            y.set(first + d, value);
        }
    }
}
