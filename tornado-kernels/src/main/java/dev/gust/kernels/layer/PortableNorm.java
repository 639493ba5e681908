package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** y = x / √(Σ x² + eps), or with the mean of x² for the sum, times a weight and a gate: a row to a thread. */
public final class PortableNorm {
    private PortableNorm() {}

    /**
     * The kernel.
     *
     * @param shape see {@link NormShape}
     * @param x [rows, D]
     * @param weight [D]; one float if it is not there
     * @param gate [rows, D]; one float if it is not there
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
            float squares = 0.0f;
            if (row < shape.get(NormShape.ROWS)) {
                for (int d = 0; d < length; d++) {
                    float value = x.get(row * length + d);
                    squares += value * value;
                }
            }
            if ((form & NormForm.MEAN) != 0) {
                squares = squares / length;
            }
            float factor = 1.0f / TornadoMath.sqrt(squares + epsilon);
            for (int d = 0; d < length; d++) {
                float value = 0.0f;
                if (row < shape.get(NormShape.ROWS)) {
                    value = x.get(row * length + d) * factor;
                    if ((form & NormForm.WEIGHT) != 0) {
                        value *= weight.get(d);
                    }
                    if ((form & NormForm.GATE) != 0) {
                        value *= NormForm.gateOf(gate.get(row * length + d), form);
                    }
                }
                y.set(row * length + d, value);
            }
        }
    }
}
