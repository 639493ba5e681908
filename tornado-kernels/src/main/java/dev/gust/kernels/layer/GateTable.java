package dev.gust.kernels.layer;

import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * A gate is outer · curve(inner · (x + bias)), with a softplus or a sigmoid as its curve. The three numbers of every line, a
 * head or a channel of one, lie in a table [3, lines].
 */
public final class GateTable {
    /** Which third holds the biases. */
    public static final int BIAS = 0;

    /** Which third holds what x + bias is multiplied by. */
    public static final int INNER = 1;

    /** Which third holds what the curve is multiplied by. */
    public static final int OUTER = 2;

    /** Thirds. */
    public static final int LENGTH = 3;

    private GateTable() {}

    /**
     * A gate.
     *
     * @param at where the table begins
     * @param softplus 1 for that curve, 0 for the sigmoid
     */
    static float gateOf(FloatArray table, int at, int lines, int line, float x, int softplus) {
        float z = (x + table.get(at + BIAS * lines + line)) * table.get(at + INNER * lines + line);
        float y = 0.0f;
        if (softplus != 0) {
            y = Curves.softplusOf(z);
        } else {
            y = Curves.sigmoidOf(z);
        }
        return y * table.get(at + OUTER * lines + line);
    }
}
