package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Gates of tokens from what a projection gives: an element to a thread. */
public final class PortableGate {
    private PortableGate() {}

    /**
     * The kernel.
     *
     * @param count [1]: elements of this call
     * @param x [tokens, lines]
     * @param table see {@link GateTable}
     * @param y receives [tokens, lines]; zero behind the call's elements
     * @param softplus 1 for that curve, 0 for the sigmoid
     * @param lines heads, or heads · channels
     * @param elements for which there is room
     */
    public static void gatesPortable(
            IntArray count, FloatArray x, FloatArray table, FloatArray y, int softplus, int lines, int elements) {
        for (@Parallel int i = 0; i < elements; i++) {
            float value = 0.0f;
            if (i < count.get(0)) {
                value = GateTable.gateOf(table, 0, lines, i % lines, x.get(i), softplus);
            }
            y.set(i, value);
        }
    }
}
