package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Layer norms of rows, each of which is read once into an array. For one thread. */
public final class LayerNormLoops {
    private final int length;
    private final float[] weight;
    private final float[] bias;
    private final double epsilon;
    private final float[] row;
    private final float[] other;

    public LayerNormLoops(float[] weight, float[] bias, double epsilon) {
        this.length = weight.length;
        this.weight = Arrays.copyOf(weight, Lanes.roundUp(length));
        this.bias = Arrays.copyOf(bias, Lanes.roundUp(length));
        this.epsilon = epsilon;
        this.row = new float[Lanes.roundUp(length)];
        this.other = new float[row.length];
    }

    /**
     * One row.
     *
     * @param residual what is added to x, or nothing
     * @param at its first byte, in all tensors
     */
    public void normalize(MemorySegment x, MemorySegment residual, long at, MemorySegment y) {
        Lanes.load(x, at, row, length);
        if (residual.byteSize() > 0) {
            Lanes.load(residual, at, other, length);
            CurveLoops.add(row, other, row.length);
        }
        float mean = sum(row) / length;
        subtract(row, mean);
        // Behind the row it would be −mean.
        Arrays.fill(row, length, row.length, 0);
        float variance = squares(row) / length;
        finish(row, (float) (1 / Math.sqrt(variance + epsilon)), weight, bias);
        Lanes.store(row, y, at, length);
    }

    private static float sum(float[] x) {
        FloatVector sums = FloatVector.zero(F);
        for (int i = 0; i < x.length; i += LANES) {
            sums = sums.add(FloatVector.fromArray(F, x, i));
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    private static void subtract(float[] x, float mean) {
        for (int i = 0; i < x.length; i += LANES) {
            FloatVector.fromArray(F, x, i).sub(mean).intoArray(x, i);
        }
    }

    private static float squares(float[] x) {
        FloatVector sums = FloatVector.zero(F);
        for (int i = 0; i < x.length; i += LANES) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            sums = v.fma(v, sums);
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    private static void finish(float[] x, float factor, float[] w, float[] b) {
        for (int i = 0; i < x.length; i += LANES) {
            FloatVector.fromArray(F, x, i)
                    .mul(factor)
                    .fma(FloatVector.fromArray(F, w, i), FloatVector.fromArray(F, b, i))
                    .intoArray(x, i);
        }
    }
}
