package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * y = x / √(Σ x² + eps), or with the mean of x² for the sum, times a weight and a gate: a row to a thread. A layer norm
 * subtracts the row's mean first, and may add a residual before that and a bias behind.
 */
public final class PortableNorm {
    private PortableNorm() {}

    /**
     * The kernel.
     *
     * @param shape see {@link NormShape}
     * @param x [rows, D]
     * @param weight [D], or [2, D] with the bias; one float if it is not there
     * @param gate [rows, D], or the residual; one float if it is not there
     * @param y receives [rows, D]; zero behind the call's rows
     * @param form bits of {@link NormForm}
     * @param epsilon under the root
     * @param capacity rows for which there is room
     */
    public static void normRowsPortable(
            IntArray shape,
            FloatArray x,
            FloatArray weight,
            FloatArray gate,
            FloatArray y,
            int form,
            float epsilon,
            int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            int length = shape.get(NormShape.LENGTH_OF_ROW);
            int end = 0;
            if (row < shape.get(NormShape.ROWS)) {
                end = length;
            }
            int centred = 0;
            if ((form & NormForm.CENTRE) != 0) {
                centred = end;
            }
            float sum = 0.0f;
            for (int d = 0; d < centred; d++) {
                sum += NormForm.valueOf(x, gate, row * length + d, form);
            }
            float mean = sum / length;
            float squares = 0.0f;
            for (int d = 0; d < end; d++) {
                float value = NormForm.valueOf(x, gate, row * length + d, form) - mean;
                squares += value * value;
            }
            if ((form & NormForm.MEAN) != 0) {
                squares = squares / length;
            }
            float factor = 1.0f / TornadoMath.sqrt(squares + epsilon);
            for (int d = 0; d < length; d++) {
                float value = 0.0f;
                if (d < end) {
                    int i = row * length + d;
                    value = (NormForm.valueOf(x, gate, i, form) - mean) * factor;
                    value = NormForm.resultOf(value, weight, gate, i, d, length, form);
                }
                y.set(row * length + d, value);
            }
        }
    }
}
