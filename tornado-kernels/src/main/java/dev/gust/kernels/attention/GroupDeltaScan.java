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
 * It is small, so that one long sequence has two groups for each multiprocessor, of which one computes while the other waits.
 * Products are of slices of 16; those of the next slice are loaded before those at hand are used. Work-items own rows 32
 * apart and columns 4 apart, so that neighbours use different banks.
 */
public final class GroupDeltaScan {
    /** Columns of the state in a group. */
    public static final int COLUMNS = 16;

    /** Work-items of a group. */
    public static final int LOCAL = 128;

    /** The largest K for which the state's strip fits into local memory. */
    public static final int MOST_ROWS = 256;

    /** Floats from a row of the state's strip to the next: rows of neighbours begin at different banks. */
    private static final int STRIDE = COLUMNS + 4;

    /** Floats from a row of a slice to the next. */
    private static final int PITCH = DeltaTiles.DEPTH + 1;

    /** Work-items beside one another; each has every {@code LANES}th of a strip's columns. */
    private static final int LANES = 4;

    /** Work-items below one another: rows of a work-item are so far apart. */
    private static final int LINES = LOCAL / LANES;

    /** Rows or columns of a work-item. */
    private static final int QUAD = DeltaTiles.QUAD;

    /** Channels of the state that are written at a time. */
    private static final int CHANNELS = QUAD * LINES;

    /** Rows of a slice that a group loads at a time, and how many of them a work-item has a part of. */
    private static final int LOADED = LOCAL / DeltaTiles.DEPTH;

    private static final int LOADS = DeltaTiles.TOKENS / LOADED;

    /** Tokens whose keys a group loads at a time, and how many of them a work-item has a channel of. */
    private static final int KEYS_LOADED = LOCAL / CHANNELS;

    private static final int KEY_LOADS = DeltaTiles.DEPTH / KEYS_LOADED;

    private GroupDeltaScan() {}

    /** Floats of local memory: the state's strip, what is written, and slices. */
    public static int localFloats(int keyDim) {
        int rows = (keyDim + DeltaTiles.DEPTH - 1) / DeltaTiles.DEPTH * DeltaTiles.DEPTH;
        return (rows + DeltaTiles.TOKENS) * STRIDE + 2 * DeltaTiles.TOKENS * PITCH;
    }

    /**
     * The kernel, for N · HV · ceil(V / 16) groups of {@link #LOCAL}.
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
        int rows = (keyDim + DeltaTiles.DEPTH - 1) / DeltaTiles.DEPTH * DeltaTiles.DEPTH;
        float[] strip = context.allocateFloatLocalArray((keyDim + 15) / 16 * 16 * STRIDE);
        float[] written = context.allocateFloatLocalArray(DeltaTiles.TOKENS * STRIDE);
        float[] slice = context.allocateFloatLocalArray(2 * DeltaTiles.TOKENS * PITCH);
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
        for (int d = item / COLUMNS; d < rows; d += LOCAL / COLUMNS) {
            float value = 0.0f;
            if (clear == 0 && d < used && block + lane < valueDim) {
                value = state.get(home + d * valueDim + block + lane);
            }
            strip[d * STRIDE + lane] = value;
        }
        int column = item % LANES;
        int line = item / LANES;
        int part = item % DeltaTiles.DEPTH;
        int partLine = item / DeltaTiles.DEPTH;
        float[] reads = new float[2 * QUAD];
        for (int i = 0; i < 2 * QUAD; i++) {
            reads[i] = 0.0f;
        }
        float[] erased = new float[2 * QUAD];
        for (int i = 0; i < 2 * QUAD; i++) {
            erased[i] = 0.0f;
        }
        float[] sums = new float[QUAD * QUAD];
        for (int i = 0; i < QUAD * QUAD; i++) {
            sums[i] = 0.0f;
        }
        float[] query = new float[LOADS];
        for (int i = 0; i < LOADS; i++) {
            query[i] = 0.0f;
        }
        float[] erase = new float[LOADS];
        for (int i = 0; i < LOADS; i++) {
            erase[i] = 0.0f;
        }
        float[] values = new float[QUAD];
        for (int i = 0; i < QUAD; i++) {
            values[i] = 0.0f;
        }
        float[] key = new float[KEY_LOADS];
        for (int i = 0; i < KEY_LOADS; i++) {
            key[i] = 0.0f;
        }
        for (int first = begin; first < stop; first += length) {
            int tokens = TornadoMath.min(length, stop - first);
            for (int i = 0; i < 2 * QUAD; i++) {
                reads[i] = 0.0f;
                erased[i] = 0.0f;
            }
            for (int i = 0; i < LOADS; i++) {
                int row = partLine + i * LOADED;
                query[i] = element(queries, first, row, tokens, heads, head, part, keyDim);
                if ((form & DeltaForm.ERASE) != 0) {
                    erase[i] = element(erasers, first, row, tokens, heads, head, part, keyDim);
                }
            }
            for (int from = 0; from < width; from += DeltaTiles.DEPTH) {
                context.localBarrier();
                for (int i = 0; i < LOADS; i++) {
                    int to = (partLine + i * LOADED) * PITCH + part;
                    slice[to] = query[i];
                    if ((form & DeltaForm.ERASE) != 0) {
                        slice[to + DeltaTiles.TOKENS * PITCH] = erase[i];
                    }
                }
                context.localBarrier();
                int next = TornadoMath.min(from + DeltaTiles.DEPTH, rows - DeltaTiles.DEPTH) + part;
                for (int i = 0; i < LOADS; i++) {
                    int row = partLine + i * LOADED;
                    query[i] = element(queries, first, row, tokens, heads, head, next, keyDim);
                    if ((form & DeltaForm.ERASE) != 0) {
                        erase[i] = element(erasers, first, row, tokens, heads, head, next, keyDim);
                    }
                }
                for (int c = 0; c < depth; c++) {
                    int atState = (from + c) * STRIDE + column;
                    int atRow = line * PITCH + c;
                    for (int j = 0; j < QUAD; j++) {
                        values[j] = strip[atState + j * LANES];
                    }
                    for (int i = 0; i < 2; i++) {
                        float x = slice[atRow + i * LINES * PITCH];
                        for (int j = 0; j < QUAD; j++) {
                            reads[i * QUAD + j] += x * values[j];
                        }
                    }
                    if ((form & DeltaForm.ERASE) != 0) {
                        for (int i = 0; i < 2; i++) {
                            float x = slice[atRow + (DeltaTiles.TOKENS + i * LINES) * PITCH];
                            for (int j = 0; j < QUAD; j++) {
                                erased[i * QUAD + j] += x * values[j];
                            }
                        }
                    }
                }
            }
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < QUAD; j++) {
                    int row = line + i * LINES;
                    int place = block + column + j * LANES;
                    written[row * STRIDE + column + j * LANES] =
                            target(targets, first, row, tokens, heads, head, place, valueDim, erased[i * QUAD + j]);
                }
            }
            // P: pairs above the diagonal were never stored, and tokens that are not there wrote 0.
            int toP = ((chunk * heads + head) * 2 + 1) * length * length;
            for (int from = 0; from < tokens; from += DeltaTiles.DEPTH) {
                for (int i = 0; i < LOADS; i++) {
                    query[i] = pair(pairs, toP, partLine + i * LOADED, from + part, length);
                }
                context.localBarrier();
                for (int i = 0; i < LOADS; i++) {
                    slice[(partLine + i * LOADED) * PITCH + part] = query[i];
                }
                context.localBarrier();
                for (int c = 0; c < depth; c++) {
                    int atWritten = (from + c) * STRIDE + column;
                    for (int j = 0; j < QUAD; j++) {
                        values[j] = written[atWritten + j * LANES];
                    }
                    for (int i = 0; i < 2; i++) {
                        float x = slice[(line + i * LINES) * PITCH + c];
                        for (int j = 0; j < QUAD; j++) {
                            reads[i * QUAD + j] += x * values[j];
                        }
                    }
                }
            }
            for (int i = 0; i < 2; i++) {
                for (int j = 0; j < QUAD; j++) {
                    int place = block + column + j * LANES;
                    float value = reads[i * QUAD + j] * scale;
                    store(o, first, line + i * LINES, tokens, heads, head, place, valueDim, value);
                }
            }
            for (int channel = 0; channel < width; channel += CHANNELS) {
                for (int i = 0; i < QUAD * QUAD; i++) {
                    sums[i] = 0.0f;
                }
                for (int from = 0; from < tokens; from += DeltaTiles.DEPTH) {
                    int keyChannel = TornadoMath.min(channel + item % CHANNELS, keyDim - 1);
                    int keyLine = from + item / CHANNELS;
                    for (int i = 0; i < KEY_LOADS; i++) {
                        key[i] = element(
                                keys, first, keyLine + KEYS_LOADED * i, tokens, heads, head, keyChannel, keyDim);
                    }
                    context.localBarrier();
                    for (int i = 0; i < KEY_LOADS; i++) {
                        slice[item + i * LOCAL] = key[i];
                    }
                    context.localBarrier();
                    for (int c = 0; c < depth; c++) {
                        int atWritten = (from + c) * STRIDE + column;
                        for (int j = 0; j < QUAD; j++) {
                            values[j] = written[atWritten + j * LANES];
                        }
                        for (int i = 0; i < QUAD; i++) {
                            float x = slice[c * CHANNELS + line + i * LINES];
                            for (int j = 0; j < QUAD; j++) {
                                sums[i * QUAD + j] += x * values[j];
                            }
                        }
                    }
                }
                for (int i = 0; i < QUAD; i++) {
                    int row = channel + line + i * LINES;
                    if (row < keyDim) {
                        float factor = totals.get((chunk * heads + head) * keyDim + row);
                        for (int j = 0; j < QUAD; j++) {
                            int at = row * STRIDE + column + j * LANES;
                            strip[at] = strip[at] * factor + sums[i * QUAD + j];
                        }
                    }
                }
            }
            chunk++;
        }
        context.localBarrier();
        for (int d = item / COLUMNS; d < used; d += LOCAL / COLUMNS) {
            if (block + lane < valueDim) {
                state.set(home + d * valueDim + block + lane, strip[d * STRIDE + lane]);
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
    static float pair(FloatArray pairs, int at, int i, int j, int length) {
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
