package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The linear state-space layer for GPUs: {@link PortableLssl} with a group to a channel and its state in local memory. Matrices
 * are stored column by column here, so that neighbouring work-items, which have neighbouring rows, read neighbouring words.
 */
public final class GroupLssl {
    /** Work-items that a group has a multiple of. */
    public static final int LANES = 32;

    /** Tokens whose outputs are added up at a time. */
    private static final int SPAN = 8;

    /** Work-items that add up a token's output. */
    private static final int ADDERS = LANES / SPAN;

    /** Work-items of a group of {@link #lsslChunkStates}. */
    public static final int LOCAL = 64;

    /** Most tokens of a chunk. */
    private static final int MOST_CHUNK = 128;

    /** The largest K. */
    private static final int MOST_STATE = 256;

    private GroupLssl() {}

    /** Work-items for as many rows. */
    public static int lanes(int rows) {
        return (rows + LANES - 1) / LANES * LANES;
    }

    /** Floats of local memory of {@link #lsslGroups}. */
    public static int recurrentFloats(int keyDim) {
        return (2 + SPAN) * lanes(keyDim) + LANES;
    }

    /** Floats of local memory of {@link #lsslChunkStates}. */
    public static int chunkFloats() {
        return MOST_CHUNK;
    }

    /** Floats of local memory of {@link #lsslCarries}. */
    public static int carryFloats(int keyDim) {
        return 2 * lanes(keyDim);
    }

    /** Floats of local memory of {@link #lsslOutputs}. */
    public static int outputFloats() {
        return 2 * MOST_CHUNK + MOST_STATE;
    }

    /**
     * Token by token, for N · H groups of K rounded up to {@link #LANES}: a row to a work-item.
     *
     * @param shape see {@link DeltaShape}; K is the size of the state, the value heads are the channels H
     * @param sequences as {@link PortableDelta}'s
     * @param transition Ā [H, K, K], column by column
     * @param input B̄ [H, K]
     * @param output c [H, K], then d [H]
     * @param u [tokens, H]
     * @param state [N, H, K], read and written
     * @param y receives [tokens, H]
     * @param keyDim K
     */
    public static void lsslGroups(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray transition,
            FloatArray input,
            FloatArray output,
            FloatArray u,
            FloatArray state,
            FloatArray y,
            int keyDim) {
        int lanes = (keyDim + LANES - 1) / LANES * LANES;
        // One half is read while the other is written.
        float[] held = context.allocateFloatLocalArray((keyDim + LANES - 1) / LANES * LANES * 2);
        float[] parts = context.allocateFloatLocalArray((keyDim + LANES - 1) / LANES * LANES * SPAN);
        float[] rows = context.allocateFloatLocalArray(LANES);
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int channel = context.groupIdx % channels;
        int sequence = context.groupIdx / channels;
        int row = TornadoMath.min(item, size - 1);
        float there = item < size ? 1.0f : 0.0f;
        float write = input.get(channel * size + row) * there;
        float read = output.get(channel * size + row) * there;
        float direct = output.get(channels * size + channel);
        int first = sequences.get(sequence);
        int end = sequences.get(sequence + 1);
        float x = 0.0f;
        if (sequences.get(shape.get(DeltaShape.CAPACITY) + 1 + sequence) == 0 && item < size) {
            x = state.get(context.groupIdx * size + item);
        }
        int half = 0;
        held[item] = x;
        context.localBarrier();
        for (int t = first; t < end; t += SPAN) {
            int count = TornadoMath.min(SPAN, end - t);
            for (int j = 0; j < count; j++) {
                x = write * u.get((t + j) * channels + channel);
                for (int m = 0; m < size; m++) {
                    x += transition.get((channel * size + m) * size + row) * held[half + m];
                }
                half = lanes - half;
                held[half + item] = x;
                parts[j * lanes + item] = read * x;
                context.localBarrier();
            }
            if (item < LANES) {
                float sum = 0.0f;
                for (int i = item % ADDERS; i < lanes; i += ADDERS) {
                    sum += parts[TornadoMath.min(item / ADDERS, count - 1) * lanes + i];
                }
                rows[item] = sum;
            }
            context.localBarrier();
            if (item < count) {
                float sum = direct * u.get((t + item) * channels + channel);
                for (int i = 0; i < ADDERS; i++) {
                    sum += rows[item * ADDERS + i];
                }
                y.set((t + item) * channels + channel, sum);
            }
        }
        if (item < size) {
            state.set(context.groupIdx * size + item, x);
        }
    }

    /**
     * Each chunk from zero, for H groups of {@link #LOCAL} for each chunk for which there is room.
     *
     * @param chunks see {@link ChunkTable}
     * @param writes Ā^l B̄ [H, C, K], l from 0
     * @param carries receives [chunks, H, 2, K]: the state behind the chunk, and room for that before it
     */
    public static void lsslChunkStates(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray writes,
            FloatArray u,
            FloatArray carries) {
        float[] inputs = context.allocateFloatLocalArray(MOST_CHUNK);
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int length = shape.get(DeltaShape.CHUNK);
        int channel = context.groupIdx % channels;
        int chunk = context.groupIdx / channels;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int count = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
        for (int t = item; t < count; t += LOCAL) {
            inputs[t] = u.get((first + t) * channels + channel);
        }
        context.localBarrier();
        for (int n = item; n < size; n += LOCAL) {
            float x = 0.0f;
            for (int t = 0; t < count; t++) {
                x += writes.get((channel * length + count - 1 - t) * size + n) * inputs[t];
            }
            carries.set(context.groupIdx * size * 2 + n, x);
            carries.set((context.groupIdx * 2 + 1) * size + n, 0.0f);
        }
    }

    /**
     * From chunk to chunk, for N · H groups of K rounded up to {@link #LANES}.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param transitions Ā, then Ā^C [2, H, K, K], column by column: a last chunk that is not full takes the first as often as
     *     it has tokens
     * @param carries of {@link #lsslChunkStates}; receives the state before each chunk
     */
    public static void lsslCarries(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray transitions,
            FloatArray carries,
            FloatArray state,
            int keyDim) {
        int lanes = (keyDim + LANES - 1) / LANES * LANES;
        float[] held = context.allocateFloatLocalArray((keyDim + LANES - 1) / LANES * LANES * 2);
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int length = shape.get(DeltaShape.CHUNK);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int channel = context.groupIdx % channels;
        int sequence = context.groupIdx / channels;
        int row = TornadoMath.min(item, size - 1);
        int stop = sequences.get(sequence + 1);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        float x = 0.0f;
        if (sequences.get(capacity + 1 + sequence) == 0 && item < size) {
            x = state.get(context.groupIdx * size + item);
        }
        int half = 0;
        held[item] = x;
        context.localBarrier();
        for (int first = sequences.get(sequence); first < stop; first += length) {
            int at = (chunk * channels + channel) * size * 2 + row;
            int matrix = (channels + channel) * size * size;
            int times = 1;
            if (stop - first < length) {
                matrix = channel * size * size;
                times = stop - first;
            }
            float left = carries.get(at);
            if (item < size) {
                carries.set(at + size, x);
            }
            for (int n = 1; n <= times; n++) {
                float sum = n == times ? left : 0.0f;
                for (int m = 0; m < size; m++) {
                    sum += transitions.get(matrix + m * size + row) * held[half + m];
                }
                x = sum;
                half = lanes - half;
                held[half + item] = x;
                context.localBarrier();
            }
            chunk++;
        }
        if (item < size) {
            state.set(context.groupIdx * size + item, x);
        }
    }

    /**
     * Outputs, for H groups of C rounded up to {@link #LANES} for each chunk for which there is room: a token to a work-item.
     *
     * @param kernel c·Ā^l B̄ [H, C], with d added for l = 0
     * @param reads c Ā^(l + 1) [H, K, C], column by column
     * @param carries of {@link #lsslCarries}
     * @param y receives [tokens, H]
     */
    public static void lsslOutputs(
            KernelContext context,
            IntArray shape,
            IntArray chunks,
            FloatArray kernel,
            FloatArray reads,
            FloatArray u,
            FloatArray carries,
            FloatArray y) {
        float[] inputs = context.allocateFloatLocalArray(MOST_CHUNK);
        float[] factors = context.allocateFloatLocalArray(MOST_CHUNK);
        float[] held = context.allocateFloatLocalArray(MOST_STATE);
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int length = shape.get(DeltaShape.CHUNK);
        int lanes = (length + LANES - 1) / LANES * LANES;
        int channel = context.groupIdx % channels;
        int chunk = context.groupIdx / channels;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
        if (first + item < end) {
            inputs[item] = u.get((first + item) * channels + channel);
            factors[item] = kernel.get(channel * length + item);
        }
        for (int n = item; n < size; n += lanes) {
            held[n] = carries.get((context.groupIdx * 2 + 1) * size + n);
        }
        context.localBarrier();
        if (first + item < end) {
            float sum = 0.0f;
            for (int l = 0; l <= item; l++) {
                sum += factors[l] * inputs[item - l];
            }
            for (int n = 0; n < size; n++) {
                sum += reads.get((channel * size + n) * length + item) * held[n];
            }
            y.set((first + item) * channels + channel, sum);
        }
    }
}
