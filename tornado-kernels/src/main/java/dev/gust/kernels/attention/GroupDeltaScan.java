package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Carries the state from chunk to chunk and makes the outputs. With the rows that {@link GroupDeltaPairs} or
 * {@link GroupDeltaChannels} and {@link GroupDeltaSolve} left:
 *
 * <pre>
 * R = U − W S
 * o = scale ((q ∘ exp G) S + P R)
 * S = Diag(exp G_C) S + (k ∘ exp(G_C − G))ᵀ R
 * </pre>
 *
 * <p>A group has {@link #COLUMNS} columns of one head's state, in local memory from a sequence's first chunk to its last.
 * Products are of slices of 16; those of the next slice are loaded before those at hand are used. Work-items own rows 32
 * apart and columns 8 apart, so that neighbours use different banks.
 */
public final class GroupDeltaScan {
    /** Columns of the state in a group. */
    public static final int COLUMNS = 32;

    /** The largest K for which the state's strip fits into local memory. */
    public static final int MOST_ROWS = 256;

    /** Up to this K there is room for padding. */
    private static final int ROOMY = 128;

    private static final int LINES = DeltaTiles.LOCAL / 8;

    private GroupDeltaScan() {}

    /** Floats of local memory: the state's strip, what is written, and slices. */
    public static int localFloats(int keyDim) {
        int stride = keyDim > ROOMY ? COLUMNS : COLUMNS + 8;
        int pitch = keyDim > ROOMY ? DeltaTiles.DEPTH : DeltaTiles.DEPTH + 1;
        int rows = (keyDim + DeltaTiles.DEPTH - 1) / DeltaTiles.DEPTH * DeltaTiles.DEPTH;
        return (rows + DeltaTiles.TOKENS) * stride + 2 * DeltaTiles.TOKENS * pitch;
    }

    /**
     * The kernel, for N · HV · ceil(V / 32) groups of {@link DeltaTiles#LOCAL}.
     *
     * @param shape see {@link DeltaShape}
     * @param sequences as {@link PortableDeltaChunk}'s
     * @param pairs A and P [chunks, HV, 2, C, C]
     * @param queries q ∘ exp G [tokens, HV, K]
     * @param keys k ∘ exp(G_C − G) [tokens, HV, K]
     * @param erasers W [tokens, HV, K]; one float if nothing is erased
     * @param targets U [tokens, HV, V]
     * @param totals exp G_C [chunks, HV, K]
     * @param state [N, HV, K, V], read and written
     * @param o receives [tokens, HV, V]
     * @param form bits of {@link DeltaForm}
     * @param scale multiplies what is read
     * @param keyDim K, at most {@link #MOST_ROWS}
     * @param valueDim V
     */
    public static void deltaScan(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray pairs,
            FloatArray queries,
            FloatArray keys,
            FloatArray erasers,
            FloatArray targets,
            FloatArray totals,
            FloatArray state,
            FloatArray o,
            int form,
            float scale,
            int keyDim,
            int valueDim) {
        int stride = keyDim > ROOMY ? COLUMNS : COLUMNS + 8;
        int pitch = keyDim > ROOMY ? DeltaTiles.DEPTH : DeltaTiles.DEPTH + 1;
        int rows = (keyDim + DeltaTiles.DEPTH - 1) / DeltaTiles.DEPTH * DeltaTiles.DEPTH;
        float[] strip = context.allocateFloatLocalArray((keyDim + 15) / 16 * 16 * (keyDim > ROOMY ? 32 : 40));
        float[] written = context.allocateFloatLocalArray(DeltaTiles.TOKENS * (keyDim > ROOMY ? 32 : 40));
        float[] slice = context.allocateFloatLocalArray(2 * DeltaTiles.TOKENS * (keyDim > ROOMY ? 16 : 17));
        int item = context.localIdx;
        int blocks = (valueDim + COLUMNS - 1) / COLUMNS;
        int heads = shape.get(DeltaShape.VALUE_HEADS);
        int length = shape.get(DeltaShape.CHUNK);
        int width = shape.get(DeltaShape.KEY_DIM);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int depth = DeltaTiles.depth(shape);
        int block = context.groupIdx % blocks * COLUMNS;
        int head = context.groupIdx / blocks % heads;
        int sequence = context.groupIdx / blocks / heads;
        int begin = sequences.get(sequence);
        int stop = sequences.get(sequence + 1);
        int clear = sequences.get(capacity + 1 + sequence);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        int used = begin < stop || clear != 0 ? keyDim : 0;
        int home = (sequence * heads + head) * keyDim * valueDim;
        int lane = item % COLUMNS;
        for (int d = item / COLUMNS; d < rows; d += DeltaTiles.LOCAL / COLUMNS) {
            float value = 0.0f;
            if (clear == 0 && d < used && block + lane < valueDim) {
                value = state.get(home + d * valueDim + block + lane);
            }
            strip[d * stride + lane] = value;
        }
        int column = item % 8;
        int line = item / 8;
        int part = item % DeltaTiles.DEPTH;
        int partLine = item / DeltaTiles.DEPTH;
        for (int first = begin; first < stop; first += length) {
            int tokens = TornadoMath.min(length, stop - first);
            float o00 = 0.0f;
            float o01 = 0.0f;
            float o02 = 0.0f;
            float o03 = 0.0f;
            float o10 = 0.0f;
            float o11 = 0.0f;
            float o12 = 0.0f;
            float o13 = 0.0f;
            float r00 = 0.0f;
            float r01 = 0.0f;
            float r02 = 0.0f;
            float r03 = 0.0f;
            float r10 = 0.0f;
            float r11 = 0.0f;
            float r12 = 0.0f;
            float r13 = 0.0f;
            float query0 = element(queries, first, partLine, tokens, heads, head, part, keyDim);
            float query1 = element(queries, first, partLine + 16, tokens, heads, head, part, keyDim);
            float query2 = element(queries, first, partLine + 32, tokens, heads, head, part, keyDim);
            float query3 = element(queries, first, partLine + 48, tokens, heads, head, part, keyDim);
            float erase0 = 0.0f;
            float erase1 = 0.0f;
            float erase2 = 0.0f;
            float erase3 = 0.0f;
            if ((form & DeltaForm.ERASE) != 0) {
                erase0 = element(erasers, first, partLine, tokens, heads, head, part, keyDim);
                erase1 = element(erasers, first, partLine + 16, tokens, heads, head, part, keyDim);
                erase2 = element(erasers, first, partLine + 32, tokens, heads, head, part, keyDim);
                erase3 = element(erasers, first, partLine + 48, tokens, heads, head, part, keyDim);
            }
            for (int from = 0; from < width; from += DeltaTiles.DEPTH) {
                context.localBarrier();
                int to = partLine * pitch + part;
                slice[to] = query0;
                slice[to + 16 * pitch] = query1;
                slice[to + 32 * pitch] = query2;
                slice[to + 48 * pitch] = query3;
                if ((form & DeltaForm.ERASE) != 0) {
                    slice[to + 64 * pitch] = erase0;
                    slice[to + 80 * pitch] = erase1;
                    slice[to + 96 * pitch] = erase2;
                    slice[to + 112 * pitch] = erase3;
                }
                context.localBarrier();
                int next = TornadoMath.min(from + DeltaTiles.DEPTH, rows - DeltaTiles.DEPTH);
                query0 = element(queries, first, partLine, tokens, heads, head, next + part, keyDim);
                query1 = element(queries, first, partLine + 16, tokens, heads, head, next + part, keyDim);
                query2 = element(queries, first, partLine + 32, tokens, heads, head, next + part, keyDim);
                query3 = element(queries, first, partLine + 48, tokens, heads, head, next + part, keyDim);
                if ((form & DeltaForm.ERASE) != 0) {
                    erase0 = element(erasers, first, partLine, tokens, heads, head, next + part, keyDim);
                    erase1 = element(erasers, first, partLine + 16, tokens, heads, head, next + part, keyDim);
                    erase2 = element(erasers, first, partLine + 32, tokens, heads, head, next + part, keyDim);
                    erase3 = element(erasers, first, partLine + 48, tokens, heads, head, next + part, keyDim);
                }
                for (int c = 0; c < depth; c++) {
                    int atState = (from + c) * stride + column;
                    int atRow = line * pitch + c;
                    float s0 = strip[atState];
                    float s1 = strip[atState + 8];
                    float s2 = strip[atState + 16];
                    float s3 = strip[atState + 24];
                    float q0 = slice[atRow];
                    o00 += q0 * s0;
                    o01 += q0 * s1;
                    o02 += q0 * s2;
                    o03 += q0 * s3;
                    float q1 = slice[atRow + 32 * pitch];
                    o10 += q1 * s0;
                    o11 += q1 * s1;
                    o12 += q1 * s2;
                    o13 += q1 * s3;
                    if ((form & DeltaForm.ERASE) != 0) {
                        float e0 = slice[atRow + 64 * pitch];
                        r00 += e0 * s0;
                        r01 += e0 * s1;
                        r02 += e0 * s2;
                        r03 += e0 * s3;
                        float e1 = slice[atRow + 96 * pitch];
                        r10 += e1 * s0;
                        r11 += e1 * s1;
                        r12 += e1 * s2;
                        r13 += e1 * s3;
                    }
                }
            }
            int to = line * stride + column;
            written[to] = target(targets, first, line, tokens, heads, head, block + column, valueDim, r00);
            written[to + 8] = target(targets, first, line, tokens, heads, head, block + column + 8, valueDim, r01);
            written[to + 16] = target(targets, first, line, tokens, heads, head, block + column + 16, valueDim, r02);
            written[to + 24] = target(targets, first, line, tokens, heads, head, block + column + 24, valueDim, r03);
            written[to + 32 * stride] =
                    target(targets, first, line + 32, tokens, heads, head, block + column, valueDim, r10);
            written[to + 32 * stride + 8] =
                    target(targets, first, line + 32, tokens, heads, head, block + column + 8, valueDim, r11);
            written[to + 32 * stride + 16] =
                    target(targets, first, line + 32, tokens, heads, head, block + column + 16, valueDim, r12);
            written[to + 32 * stride + 24] =
                    target(targets, first, line + 32, tokens, heads, head, block + column + 24, valueDim, r13);
            // P: pairs above the diagonal were never stored, and tokens that are not there wrote 0.
            int toP = ((chunk * heads + head) * 2 + 1) * length * length;
            for (int from = 0; from < tokens; from += DeltaTiles.DEPTH) {
                float pair0 = pair(pairs, toP, partLine, from + part, length);
                float pair1 = pair(pairs, toP, partLine + 16, from + part, length);
                float pair2 = pair(pairs, toP, partLine + 32, from + part, length);
                float pair3 = pair(pairs, toP, partLine + 48, from + part, length);
                context.localBarrier();
                int toSlice = partLine * pitch + part;
                slice[toSlice] = pair0;
                slice[toSlice + 16 * pitch] = pair1;
                slice[toSlice + 32 * pitch] = pair2;
                slice[toSlice + 48 * pitch] = pair3;
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    int atWritten = (from + c) * stride + column;
                    int atRow = line * pitch + c;
                    float w0 = written[atWritten];
                    float w1 = written[atWritten + 8];
                    float w2 = written[atWritten + 16];
                    float w3 = written[atWritten + 24];
                    float p0 = slice[atRow];
                    o00 += p0 * w0;
                    o01 += p0 * w1;
                    o02 += p0 * w2;
                    o03 += p0 * w3;
                    float p1 = slice[atRow + 32 * pitch];
                    o10 += p1 * w0;
                    o11 += p1 * w1;
                    o12 += p1 * w2;
                    o13 += p1 * w3;
                }
            }
            store(o, first, line, tokens, heads, head, block + column, valueDim, o00 * scale);
            store(o, first, line, tokens, heads, head, block + column + 8, valueDim, o01 * scale);
            store(o, first, line, tokens, heads, head, block + column + 16, valueDim, o02 * scale);
            store(o, first, line, tokens, heads, head, block + column + 24, valueDim, o03 * scale);
            store(o, first, line + 32, tokens, heads, head, block + column, valueDim, o10 * scale);
            store(o, first, line + 32, tokens, heads, head, block + column + 8, valueDim, o11 * scale);
            store(o, first, line + 32, tokens, heads, head, block + column + 16, valueDim, o12 * scale);
            store(o, first, line + 32, tokens, heads, head, block + column + 24, valueDim, o13 * scale);
            for (int channel = 0; channel < width; channel += 128) {
                float s00 = 0.0f;
                float s01 = 0.0f;
                float s02 = 0.0f;
                float s03 = 0.0f;
                float s10 = 0.0f;
                float s11 = 0.0f;
                float s12 = 0.0f;
                float s13 = 0.0f;
                float s20 = 0.0f;
                float s21 = 0.0f;
                float s22 = 0.0f;
                float s23 = 0.0f;
                float s30 = 0.0f;
                float s31 = 0.0f;
                float s32 = 0.0f;
                float s33 = 0.0f;
                for (int from = 0; from < tokens; from += DeltaTiles.DEPTH) {
                    int keyChannel = TornadoMath.min(channel + item % 128, keyDim - 1);
                    int keyLine = from + item / 128;
                    float key0 = element(keys, first, keyLine, tokens, heads, head, keyChannel, keyDim);
                    float key1 = element(keys, first, keyLine + 2, tokens, heads, head, keyChannel, keyDim);
                    float key2 = element(keys, first, keyLine + 4, tokens, heads, head, keyChannel, keyDim);
                    float key3 = element(keys, first, keyLine + 6, tokens, heads, head, keyChannel, keyDim);
                    float key4 = element(keys, first, keyLine + 8, tokens, heads, head, keyChannel, keyDim);
                    float key5 = element(keys, first, keyLine + 10, tokens, heads, head, keyChannel, keyDim);
                    float key6 = element(keys, first, keyLine + 12, tokens, heads, head, keyChannel, keyDim);
                    float key7 = element(keys, first, keyLine + 14, tokens, heads, head, keyChannel, keyDim);
                    context.localBarrier();
                    slice[item] = key0;
                    slice[item + 256] = key1;
                    slice[item + 512] = key2;
                    slice[item + 768] = key3;
                    slice[item + 1024] = key4;
                    slice[item + 1280] = key5;
                    slice[item + 1536] = key6;
                    slice[item + 1792] = key7;
                    context.localBarrier();
                    for (int c = 0; c < depth; c++) {
                        int atWritten = (from + c) * stride + column;
                        int atKey = c * 128 + line;
                        float w0 = written[atWritten];
                        float w1 = written[atWritten + 8];
                        float w2 = written[atWritten + 16];
                        float w3 = written[atWritten + 24];
                        float k0 = slice[atKey];
                        s00 += k0 * w0;
                        s01 += k0 * w1;
                        s02 += k0 * w2;
                        s03 += k0 * w3;
                        float k1 = slice[atKey + 32];
                        s10 += k1 * w0;
                        s11 += k1 * w1;
                        s12 += k1 * w2;
                        s13 += k1 * w3;
                        float k2 = slice[atKey + 64];
                        s20 += k2 * w0;
                        s21 += k2 * w1;
                        s22 += k2 * w2;
                        s23 += k2 * w3;
                        float k3 = slice[atKey + 96];
                        s30 += k3 * w0;
                        s31 += k3 * w1;
                        s32 += k3 * w2;
                        s33 += k3 * w3;
                    }
                }
                int total = (chunk * heads + head) * keyDim;
                int row0 = channel + line;
                if (row0 < keyDim) {
                    float factor = totals.get(total + row0);
                    int at = row0 * stride + column;
                    strip[at] = strip[at] * factor + s00;
                    strip[at + 8] = strip[at + 8] * factor + s01;
                    strip[at + 16] = strip[at + 16] * factor + s02;
                    strip[at + 24] = strip[at + 24] * factor + s03;
                }
                int row1 = channel + line + 32;
                if (row1 < keyDim) {
                    float factor = totals.get(total + row1);
                    int at = row1 * stride + column;
                    strip[at] = strip[at] * factor + s10;
                    strip[at + 8] = strip[at + 8] * factor + s11;
                    strip[at + 16] = strip[at + 16] * factor + s12;
                    strip[at + 24] = strip[at + 24] * factor + s13;
                }
                int row2 = channel + line + 64;
                if (row2 < keyDim) {
                    float factor = totals.get(total + row2);
                    int at = row2 * stride + column;
                    strip[at] = strip[at] * factor + s20;
                    strip[at + 8] = strip[at + 8] * factor + s21;
                    strip[at + 16] = strip[at + 16] * factor + s22;
                    strip[at + 24] = strip[at + 24] * factor + s23;
                }
                int row3 = channel + line + 96;
                if (row3 < keyDim) {
                    float factor = totals.get(total + row3);
                    int at = row3 * stride + column;
                    strip[at] = strip[at] * factor + s30;
                    strip[at + 8] = strip[at + 8] * factor + s31;
                    strip[at + 16] = strip[at + 16] * factor + s32;
                    strip[at + 24] = strip[at + 24] * factor + s33;
                }
            }
            chunk++;
        }
        context.localBarrier();
        for (int d = item / COLUMNS; d < used; d += DeltaTiles.LOCAL / COLUMNS) {
            if (block + lane < valueDim) {
                state.set(home + d * valueDim + block + lane, strip[d * stride + lane]);
            }
        }
    }

    /** An element of a token's row of K, with nothing read past the end of either. */
    private static float element(
            FloatArray x, int first, int row, int tokens, int heads, int head, int channel, int keyDim) {
        int token = first + TornadoMath.min(row, tokens - 1);
        return x.get((token * heads + head) * keyDim + DeltaTiles.channel(channel, keyDim));
    }

    /** P, or 0 above the diagonal. */
    private static float pair(FloatArray pairs, int at, int i, int j, int length) {
        float value = pairs.get(at + TornadoMath.min(i, length - 1) * length + TornadoMath.min(j, length - 1));
        if (j > i) {
            value = 0.0f;
        }
        return value;
    }

    /** What is written: tokens that are not there write nothing. */
    private static float target(
            FloatArray targets,
            int first,
            int row,
            int tokens,
            int heads,
            int head,
            int column,
            int valueDim,
            float erased) {
        float value = 0.0f;
        if (row < tokens) {
            value = targets.get(((first + row) * heads + head) * valueDim + TornadoMath.min(column, valueDim - 1))
                    - erased;
        }
        return value;
    }

    private static void store(
            FloatArray o, int first, int row, int tokens, int heads, int head, int column, int valueDim, float value) {
        if (row < tokens && column < valueDim) {
            o.set(((first + row) * heads + head) * valueDim + column, value);
        }
    }
}
