package dev.gust.runtime.attention;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** One value head of one sequence of a case, as an oracle sees it: vectors per token in float64. */
final class OracleHead {
    private static final double L2_EPSILON = 1e-6;

    private final AttentionCase call;
    private final int first;
    private final int length;
    private final int sequence;
    private final int valueHead;
    private final int head;
    private final double[] o;
    private final Map<String, double[]> carried = new LinkedHashMap<>();

    OracleHead(AttentionCase call, int sequence, int valueHead, double[] o) {
        this.call = call;
        this.sequence = sequence;
        this.valueHead = valueHead;
        int[] bounds = call.shape().bounds();
        this.first = bounds[sequence];
        this.length = bounds[sequence + 1] - first;
        this.head = call.map().of(valueHead, call.shape().h(), call.shape().hv());
        this.o = o;
    }

    int length() {
        return length;
    }

    int keySize() {
        return call.shape().k();
    }

    int valueSize() {
        return call.shape().v();
    }

    int valueHead() {
        return valueHead;
    }

    int valueHeads() {
        return call.shape().hv();
    }

    double scale() {
        return call.scale();
    }

    String attribute(String name, String otherwise) {
        return call.attribute(name, otherwise);
    }

    boolean has(String name) {
        return call.tensors().containsKey(name);
    }

    /** Whether a gate is given per key channel, [B, T, HV, K]. */
    boolean perChannel(String name) {
        return call.tensor(name).length != call.shape().b() * call.shape().t() * valueHeads();
    }

    double[] q(int t) {
        return ofHead("q", t);
    }

    double[] k(int t) {
        return ofHead("k", t);
    }

    double[] v(int t) {
        return perValue("v", t);
    }

    /** A vector [B, T, H, K] of the head that this value head reads. */
    double[] ofHead(String name, int t) {
        return ofHead(name, t, 0, 1);
    }

    /** The same where there are {@code steps} entries for a token. */
    double[] ofHead(String name, int t, int step, int steps) {
        long row = ((first + (long) t) * steps + step) * call.shape().h() + head;
        double[] x = vector(name, row, keySize());
        return call.qkL2norm() ? Dense.times(1 / Math.sqrt(Dense.dot(x, x) + L2_EPSILON), x) : x;
    }

    /** A number [B, T, HV]. */
    double at(String name, int t) {
        return at(name, t, 0, 1);
    }

    double at(String name, int t, int step, int steps) {
        return vector(name, row(t, step, steps), 1)[0];
    }

    /** A vector [B, T, HV, K]. */
    double[] perKey(String name, int t) {
        return vector(name, row(t, 0, 1), keySize());
    }

    /** A vector [B, T, HV, V]. */
    double[] perValue(String name, int t) {
        return perValue(name, t, 0, 1);
    }

    double[] perValue(String name, int t, int step, int steps) {
        return vector(name, row(t, step, steps), valueSize());
    }

    /** A vector [B, T, HV, size]. */
    double[] perHead(String name, int t, int size) {
        return vector(name, row(t, 0, 1), size);
    }

    /** A vector [HV, size] that all tokens share. */
    double[] constant(String name, int size) {
        return vector(name, valueHead, size);
    }

    /** A matrix [rows, columns] that all heads share. */
    double[][] shared(String name, int rows, int columns) {
        double[][] matrix = new double[rows][];
        for (int i = 0; i < rows; i++) {
            matrix[i] = vector(name, i, columns);
        }
        return matrix;
    }

    /** The state before the first token, [K][V]; zero if none is given. */
    double[][] state() {
        double[][] s = new double[keySize()][valueSize()];
        if (call.initialState().isPresent()) {
            long firstRow = ((long) sequence * valueHeads() + valueHead) * keySize();
            for (int i = 0; i < s.length; i++) {
                s[i] = vector("initial_state", firstRow + i, valueSize());
            }
        }
        return s;
    }

    /** What is carried beside the state: {@code initial_NAME}, or {@code fill}. The caller updates it in place. */
    double[] carry(String name, int size, double fill) {
        double[] values = new double[size];
        Arrays.fill(values, fill);
        if (has("initial_" + name)) {
            values = vector("initial_" + name, (long) sequence * valueHeads() + valueHead, size);
        }
        carried.put(name, values);
        return values;
    }

    Map<String, double[]> carried() {
        return carried;
    }

    void emit(int t, double[] values) {
        System.arraycopy(values, 0, o, (int) row(t, 0, 1) * valueSize(), valueSize());
    }

    private long row(int t, int step, int steps) {
        return ((first + (long) t) * steps + step) * valueHeads() + valueHead;
    }

    private double[] vector(String name, long row, int size) {
        float[] tensor = call.tensor(name);
        double[] values = new double[size];
        int offset = Math.toIntExact(row * size);
        for (int i = 0; i < size; i++) {
            values[i] = tensor[offset + i];
        }
        return values;
    }
}
