package dev.gust.runtime.layer;

import dev.gust.kernels.layer.GateTable;
import dev.gust.runtime.layer.jvm.CurveLoops;
import dev.gust.runtime.layer.jvm.GateLoops;
import dev.gust.runtime.layer.jvm.Lanes;
import java.util.Arrays;

/** A gate's lines, or some of them, as vector loops want them: rounded up to whole vectors. */
final class GateRow {
    private final boolean softplus;
    private final int length;
    private final float[] bias;
    private final float[] inner;
    private final float[] outer;

    private GateRow(boolean softplus, int length, float[] bias, float[] inner, float[] outer) {
        this.softplus = softplus;
        this.length = length;
        this.bias = bias;
        this.inner = inner;
        this.outer = outer;
    }

    /**
     * Some lines of a gate.
     *
     * @param table the gate's
     * @param from the first
     * @param count how many
     */
    static GateRow of(Gate gate, float[] table, int from, int count) {
        int lines = gate.lines();
        int length = Lanes.roundUp(count);
        return new GateRow(
                gate.softplus(),
                length,
                third(table, GateTable.BIAS * lines + from, count, length),
                third(table, GateTable.INNER * lines + from, count, length),
                third(table, GateTable.OUTER * lines + from, count, length));
    }

    private static float[] third(float[] table, int from, int count, int length) {
        return Arrays.copyOf(Arrays.copyOfRange(table, from, from + count), length);
    }

    /** Floats that a row takes. */
    int length() {
        return length;
    }

    /** Makes gates of what a row holds. */
    void apply(float[] row) {
        GateLoops.enter(row, bias, inner, length);
        if (softplus) {
            CurveLoops.softplus(row, length);
        } else {
            CurveLoops.sigmoid(row, length);
        }
        GateLoops.multiply(row, outer, length);
    }
}
