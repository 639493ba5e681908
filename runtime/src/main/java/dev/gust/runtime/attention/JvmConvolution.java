package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Chunks of a linear RNN with input u and state x, for each channel. With tables of what a token's input leaves in the output
 * and in the state some tokens later, no token waits for another:
 *
 * <pre>
 * y_i = Σ_(l≤i) kernel_l u_(i−l) + reads_i·x
 * x   = advanced x + Σ_l writes_(C−1−l) u_l
 * </pre>
 */
final class JvmConvolution {
    private static final VectorSpecies<Float> F = JvmChannels.F;

    /** Sums that are made at a time: in four vectors, which do not wait for one another. */
    private static final int WIDE = 4 * F.length();

    /** Zeros ahead of a kernel, for vectors that begin before its first element. */
    private static final int AHEAD = WIDE;

    private final int length;
    private final int paddedLength;
    private final int elements;

    /** For each channel: zeros, then [padded C]. */
    private final float[][] kernels;

    /** [elements, padded C]. */
    private final float[][] reads;

    /** [C, elements]. */
    private final float[][] writes;

    /**
     * @param length C, tokens of a chunk
     * @param elements floats of a channel's state, a multiple of a vector's
     */
    JvmConvolution(int channels, int length, int elements) {
        this.length = length;
        this.paddedLength = JvmChannels.padded(length);
        this.elements = elements;
        this.kernels = new float[channels][AHEAD + paddedLength];
        this.reads = new float[channels][Math.multiplyExact(elements, paddedLength)];
        this.writes = new float[channels][Math.multiplyExact(elements, length)];
    }

    /** Floats that tables of so many channels take. */
    static long floats(long channels, int length, int elements) {
        return 2 * channels * elements * JvmChannels.padded(length);
    }

    int length() {
        return length;
    }

    /** What is left of a token's input in the output {@code later} tokens behind it. */
    void kernel(int channel, int later, double value) {
        kernels[channel][AHEAD + later] = (float) value;
    }

    /** What token {@code i} of a chunk reads of an element of the state ahead of it. */
    void read(int channel, int i, int element, double value) {
        reads[channel][element * paddedLength + i] = (float) value;
    }

    /** What is left of a token's input in an element of the state {@code later} tokens behind it. */
    void write(int channel, int later, int element, double value) {
        writes[channel][later * elements + element] = (float) value;
    }

    /** What a recurrence makes of a channel's state in a chunk's time. */
    interface Advance {
        /**
         * @param at where the state begins
         * @param next receives the state a chunk later, were there no inputs
         */
        void run(float[] states, int at, float[] next);
    }

    /**
     * Goes through a channel's whole chunks.
     *
     * @param x [tokens, channels]
     * @param y likewise
     * @return the first token behind them
     */
    int run(
            MemorySegment x,
            MemorySegment y,
            int first,
            int end,
            int channel,
            float[] states,
            int at,
            Advance advance) {
        int from = first;
        int channels = kernels.length;
        var chunk = new Chunk();
        for (; end - from >= length; from += length) {
            for (int i = 0; i < length; i++) {
                chunk.u[i] = JvmChannels.at(x, from + i, channels, channel);
            }
            chunk.outputs(channel, states, at);
            advance.run(states, at, chunk.next);
            chunk.write(channel);
            System.arraycopy(chunk.next, 0, states, at, elements);
            for (int i = 0; i < length; i++) {
                RuleCall.set(y, (long) (from + i) * channels + channel, chunk.y[i]);
            }
        }
        return from;
    }

    /** A chunk's inputs and outputs, and the state behind it: a thread's scratch. */
    private final class Chunk {
        final float[] u = new float[length];
        final float[] y = new float[paddedLength];
        final float[] next = new float[elements];

        /** Finds the outputs, from the state that begins at {@code at}. */
        void outputs(int channel, float[] states, int at) {
            float[] kernel = kernels[channel];
            float[] read = reads[channel];
            int i = 0;
            for (; i + WIDE <= paddedLength; i += WIDE) {
                Arrays.fill(y, i, i + WIDE, 0);
                // Token j is seen from there on only: what lies ahead of the kernel is zero.
                addWide(kernel, AHEAD + i, -1, u, 0, Math.min(length, i + WIDE), y, i);
                addWide(read, i, paddedLength, states, at, elements, y, i);
            }
            for (; i < paddedLength; i += F.length()) {
                Arrays.fill(y, i, i + F.length(), 0);
                addVector(kernel, AHEAD + i, -1, u, 0, Math.min(length, i + F.length()), y, i);
                addVector(read, i, paddedLength, states, at, elements, y, i);
            }
        }

        /** Adds what the chunk leaves to {@link #next}, which holds the state ahead of it, moved on by a chunk. */
        void write(int channel) {
            float[] write = writes[channel];
            int last = (length - 1) * elements;
            int e = 0;
            for (; e + WIDE <= elements; e += WIDE) {
                addWide(write, last + e, -elements, u, 0, length, next, e);
            }
            for (; e < elements; e += F.length()) {
                addVector(write, last + e, -elements, u, 0, length, next, e);
            }
        }
    }

    /**
     * Four vectors of y: y = y + Σ_j x_j rows_j.
     *
     * @param rows the first at {@code at}, the next ones {@code stride} apart
     * @param x has its factors at {@code x0}, {@code count} of them
     */
    private static void addWide(float[] rows, int at, int stride, float[] x, int x0, int count, float[] y, int y0) {
        int lanes = F.length();
        FloatVector a = FloatVector.fromArray(F, y, y0);
        FloatVector b = FloatVector.fromArray(F, y, y0 + lanes);
        FloatVector c = FloatVector.fromArray(F, y, y0 + 2 * lanes);
        FloatVector d = FloatVector.fromArray(F, y, y0 + 3 * lanes);
        for (int j = 0; j < count; j++) {
            int row = at + j * stride;
            FloatVector factor = FloatVector.broadcast(F, x[x0 + j]);
            a = FloatVector.fromArray(F, rows, row).fma(factor, a);
            b = FloatVector.fromArray(F, rows, row + lanes).fma(factor, b);
            c = FloatVector.fromArray(F, rows, row + 2 * lanes).fma(factor, c);
            d = FloatVector.fromArray(F, rows, row + 3 * lanes).fma(factor, d);
        }
        a.intoArray(y, y0);
        b.intoArray(y, y0 + lanes);
        c.intoArray(y, y0 + 2 * lanes);
        d.intoArray(y, y0 + 3 * lanes);
    }

    /** One vector of y, as {@link #addWide}. */
    private static void addVector(float[] rows, int at, int stride, float[] x, int x0, int count, float[] y, int y0) {
        FloatVector sum = FloatVector.fromArray(F, y, y0);
        for (int j = 0; j < count; j++) {
            FloatVector factor = FloatVector.broadcast(F, x[x0 + j]);
            sum = FloatVector.fromArray(F, rows, at + j * stride).fma(factor, sum);
        }
        sum.intoArray(y, y0);
    }
}
