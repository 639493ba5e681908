package dev.gust.kernels.featuremap;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Those kernels of {@link PortableMaps} that sum over rows: a row to a group, which adds up in local memory. */
public final class GroupRows {
    /** Work-items in a group, a power of two. */
    public static final int LOCAL = 64;

    private GroupRows() {}

    /** As {@link PortableMaps#normalisePortable}, for capacity groups. */
    public static void normaliseGroups(
            KernelContext context,
            FloatArray x,
            FloatArray affine,
            FloatArray y,
            IntArray sizes,
            int centred,
            float eps) {
        float[] sums = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int row = context.groupIdx;
        int width = sizes.get(MapCode.WIDTH);
        int end = row < sizes.get(MapCode.ROWS) ? width : 0;
        int from = row * width;
        float sum = 0.0f;
        for (int d = lane; d < end; d += LOCAL) {
            sum += x.get(from + d);
        }
        sums[lane] = sum;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                sums[lane] += sums[lane + stride];
            }
        }
        context.localBarrier();
        float mean = sums[0] / (float) width;
        context.localBarrier();
        float squares = 0.0f;
        for (int d = lane; d < end; d += LOCAL) {
            float away = x.get(from + d) - mean;
            squares += away * away;
        }
        sums[lane] = squares;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                sums[lane] += sums[lane + stride];
            }
        }
        context.localBarrier();
        float scale = 1.0f / TornadoMath.sqrt(sums[0] / (float) width + eps);
        if (centred == 0) {
            mean = 0.0f;
            scale = 1.0f;
        }
        for (int d = lane; d < end; d += LOCAL) {
            float value = (x.get(from + d) - mean) * scale;
            y.set(from + d, value * affine.get(d) + affine.get(width + d));
        }
    }

    /** The gain of {@link MapCode#NORM_PRESERVED}, ‖x‖ / ‖y‖ of a row, for {@code capacity} groups; into the first term. */
    public static void gainGroups(KernelContext context, FloatArray x, FloatArray y, FloatArray terms, IntArray sizes) {
        float[] first = context.allocateFloatLocalArray(LOCAL);
        float[] second = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int row = context.groupIdx;
        boolean inside = row < sizes.get(MapCode.ROWS);
        int in = sizes.get(MapCode.IN);
        int width = sizes.get(MapCode.WIDTH);
        int end = inside ? width : 0;
        int inputEnd = inside ? in : 0;
        float bound = 0.0f;
        for (int e = lane; e < end; e += LOCAL) {
            bound = TornadoMath.max(bound, TornadoMath.abs(y.get(row * width + e)));
        }
        float inputBound = 0.0f;
        for (int d = lane; d < inputEnd; d += LOCAL) {
            inputBound = TornadoMath.max(inputBound, TornadoMath.abs(x.get(row * in + d)));
        }
        first[lane] = bound;
        second[lane] = inputBound;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                first[lane] = TornadoMath.max(first[lane], first[lane + stride]);
                second[lane] = TornadoMath.max(second[lane], second[lane + stride]);
            }
        }
        context.localBarrier();
        bound = first[0];
        inputBound = second[0];
        context.localBarrier();
        // Scaled by the greatest magnitude, so that no square overflows or vanishes.
        float squares = 0.0f;
        for (int e = lane; e < end; e += LOCAL) {
            float part = MapValues.part(y.get(row * width + e), bound);
            squares += part * part;
        }
        float inputSquares = 0.0f;
        for (int d = lane; d < inputEnd; d += LOCAL) {
            float part = MapValues.part(x.get(row * in + d), inputBound);
            inputSquares += part * part;
        }
        first[lane] = squares;
        second[lane] = inputSquares;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                first[lane] += first[lane + stride];
                second[lane] += second[lane + stride];
            }
        }
        if (lane == 0 && inside) {
            float gain = 0.0f;
            if (bound > 0.0f) {
                gain = MapValues.gain(inputBound, second[0], bound, first[0]);
            }
            terms.set(row * MapCode.TERMS, gain);
        }
    }

    /**
     * As {@link PortableMaps#termsPortable}, for capacity groups; with {@link MapCode#NORM_PRESERVED} the gain is there
     * already, from {@link #gainGroups}.
     */
    public static void termsGroups(KernelContext context, FloatArray y, FloatArray terms, IntArray sizes, int mode) {
        float[] first = context.allocateFloatLocalArray(LOCAL);
        float[] second = context.allocateFloatLocalArray(LOCAL);
        int lane = context.localIdx;
        int row = context.groupIdx;
        boolean inside = row < sizes.get(MapCode.ROWS);
        int width = sizes.get(MapCode.WIDTH);
        int end = inside ? width : 0;
        int from = row * width;
        int at = row * MapCode.TERMS;
        float gain = mode == MapCode.JOINT ? 2.0f : 1.0f;
        if (mode == MapCode.NORM_PRESERVED && inside) {
            gain = terms.get(at);
        }
        float most = Float.NEGATIVE_INFINITY;
        float mostBelow = Float.NEGATIVE_INFINITY;
        for (int e = lane; e < end; e += LOCAL) {
            most = TornadoMath.max(most, y.get(from + e));
            mostBelow = TornadoMath.max(mostBelow, -y.get(from + e));
        }
        first[lane] = most;
        second[lane] = mostBelow;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                first[lane] = TornadoMath.max(first[lane], first[lane + stride]);
                second[lane] = TornadoMath.max(second[lane], second[lane + stride]);
            }
        }
        context.localBarrier();
        float shift = first[0] * gain;
        float shiftBelow = second[0] * gain;
        if (mode == MapCode.JOINT) {
            shift = TornadoMath.max(shift, shiftBelow);
            shiftBelow = shift;
        }
        context.localBarrier();
        float sum = 0.0f;
        float sumBelow = 0.0f;
        for (int e = lane; e < end; e += LOCAL) {
            sum += TornadoMath.exp(y.get(from + e) * gain - shift);
            sumBelow += TornadoMath.exp(-y.get(from + e) * gain - shiftBelow);
        }
        first[lane] = sum;
        second[lane] = sumBelow;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                first[lane] += first[lane + stride];
                second[lane] += second[lane + stride];
            }
        }
        if (lane == 0 && inside) {
            float total = first[0];
            float totalBelow = second[0];
            if (mode == MapCode.JOINT) {
                total += totalBelow;
                totalBelow = total;
            } else if (mode == MapCode.SHIFTED) {
                total = 1.0f;
            }
            terms.set(at, gain);
            terms.set(at + 1, shift);
            terms.set(at + 2, 1.0f / total);
            terms.set(at + 3, shiftBelow);
            terms.set(at + 4, 1.0f / totalBelow);
        }
    }
}
