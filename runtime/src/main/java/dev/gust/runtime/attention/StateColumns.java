package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** One head's state or its gradient, column after column [V, K], each padded with zeros to {@code stride}. */
final class StateColumns {
    private final int keyDim;
    private final int valueDim;
    private final int stride;
    private final float[] values;

    StateColumns(DeltaSizes sizes, int stride) {
        this.keyDim = sizes.keyDim();
        this.valueDim = sizes.valueDim();
        this.stride = stride;
        this.values = new float[valueDim * stride];
    }

    float[] values() {
        return values;
    }

    /**
     * Takes one of the states [N · HV, K, V], zero where there are none.
     *
     * @param index which
     */
    void load(MemorySegment states, long index) {
        Arrays.fill(values, 0);
        for (int i = 0; i < keyDim * valueDim && DeltaGradients.wanted(states); i++) {
            values[i % valueDim * stride + i / valueDim] = RuleCall.at(states, index * keyDim * valueDim + i);
        }
    }

    /** Σ_columns of this ∘ other, for each row. */
    double[] products(StateColumns other) {
        double[] sums = new double[keyDim];
        for (int c = 0; c < valueDim; c++) {
            for (int d = 0; d < keyDim; d++) {
                sums[d] += (double) values[c * stride + d] * other.values[c * stride + d];
            }
        }
        return sums;
    }

    void store(MemorySegment states, long index) {
        for (int i = 0; i < keyDim * valueDim && DeltaGradients.wanted(states); i++) {
            RuleCall.set(states, index * keyDim * valueDim + i, values[i % valueDim * stride + i / valueDim]);
        }
    }
}
