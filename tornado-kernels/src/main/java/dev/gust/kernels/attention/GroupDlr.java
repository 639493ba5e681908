package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The diagonal linear RNN for GPUs: {@link PortableDlr} with a group to a channel. Work-items have elements of its state, go
 * through some tokens at a time, and add up in local memory what those tokens read of their elements.
 */
public final class GroupDlr {
    /** Work-items of a group, which have every so many elements of a state. */
    public static final int LOCAL = 64;

    /** Tokens at a time. */
    private static final int SPAN = 8;

    /** Work-items that add up a token's parts. */
    private static final int ADDERS = LOCAL / SPAN;

    /** Most tokens of a chunk. */
    private static final int MOST_CHUNK = 128;

    /** Floats of local memory of {@link #dlrGroups}. */
    public static final int LOCAL_FLOATS = (SPAN + 1) * LOCAL;

    /** Floats of local memory of {@link #dlrChunkStates}. */
    public static final int CHUNK_FLOATS = MOST_CHUNK;

    private GroupDlr() {}

    /**
     * Token by token, for H groups for each sequence, or for each chunk from the state ahead of it.
     *
     * @param shape see {@link DeltaShape}; K is the size of the state, the value heads are the channels H
     * @param ranges the {@code sequences} of {@link PortableDelta}, or a {@link ChunkTable}
     * @param step e^Λ [H, K, 2]: real and imaginary parts
     * @param weights w [H, K, 2]
     * @param u [tokens, H]
     * @param states of sequences [N, H, K, 2], read and written; or of chunks, which are lost
     * @param y receives [tokens, H]
     * @param apart how far the first tokens of two ranges are apart: 1 for sequences, {@link ChunkTable#LENGTH} for chunks
     */
    public static void dlrGroups(
            KernelContext context,
            IntArray shape,
            IntArray ranges,
            FloatArray step,
            FloatArray weights,
            FloatArray u,
            FloatArray states,
            FloatArray y,
            int apart) {
        float[] parts = context.allocateFloatLocalArray(SPAN * LOCAL);
        float[] rows = context.allocateFloatLocalArray(LOCAL);
        float[] inputs = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            inputs[j] = 0.0f;
        }
        float[] reads = new float[SPAN];
        for (int j = 0; j < SPAN; j++) {
            reads[j] = 0.0f;
        }
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int channel = context.groupIdx % channels;
        int range = context.groupIdx / channels;
        int first = ranges.get(range * apart);
        int end = ranges.get(range * apart + 1);
        int home = context.groupIdx * size;
        if (apart == 1 && ranges.get(shape.get(DeltaShape.CAPACITY) + 1 + range) != 0) {
            for (int n = item; n < size; n += LOCAL) {
                states.set((home + n) * 2, 0.0f);
                states.set((home + n) * 2 + 1, 0.0f);
            }
        }
        for (int t = first; t < end; t += SPAN) {
            int count = TornadoMath.min(SPAN, end - t);
            for (int j = 0; j < SPAN; j++) {
                inputs[j] = u.get(TornadoMath.min(t + j, end - 1) * channels + channel);
                reads[j] = 0.0f;
            }
            for (int n = item; n < size; n += LOCAL) {
                int weight = (channel * size + n) * 2;
                float cos = step.get(weight);
                float sin = step.get(weight + 1);
                float weightRe = weights.get(weight);
                float weightIm = weights.get(weight + 1);
                float re = states.get((home + n) * 2);
                float im = states.get((home + n) * 2 + 1);
                for (int j = 0; j < SPAN; j++) {
                    if (j < count) {
                        float real = cos * re - sin * im + inputs[j];
                        im = cos * im + sin * re;
                        re = real;
                        reads[j] += weightRe * re - weightIm * im;
                    }
                }
                states.set((home + n) * 2, re);
                states.set((home + n) * 2 + 1, im);
            }
            for (int j = 0; j < SPAN; j++) {
                parts[j * LOCAL + item] = reads[j];
            }
            context.localBarrier();
            float sum = 0.0f;
            for (int i = 0; i < LOCAL / ADDERS; i++) {
                sum += parts[item * (LOCAL / ADDERS) + i];
            }
            rows[item] = sum;
            context.localBarrier();
            if (item < count) {
                float read = 0.0f;
                for (int i = 0; i < ADDERS; i++) {
                    read += rows[item * ADDERS + i];
                }
                y.set((t + item) * channels + channel, read);
            }
        }
    }

    /**
     * Each chunk from zero, for H groups for each chunk for which there is room.
     *
     * @param chunks see {@link ChunkTable}
     * @param states receives [chunks, H, K, 2]: the state behind each chunk
     */
    public static void dlrChunkStates(
            KernelContext context, IntArray shape, IntArray chunks, FloatArray step, FloatArray u, FloatArray states) {
        float[] inputs = context.allocateFloatLocalArray(MOST_CHUNK);
        int item = context.localIdx;
        int channels = shape.get(DeltaShape.VALUE_HEADS);
        int size = shape.get(DeltaShape.KEY_DIM);
        int channel = context.groupIdx % channels;
        int chunk = context.groupIdx / channels;
        int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
        int count = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END) - first;
        for (int t = item; t < count; t += LOCAL) {
            inputs[t] = u.get((first + t) * channels + channel);
        }
        context.localBarrier();
        for (int n = item; n < size; n += LOCAL) {
            float cos = step.get((channel * size + n) * 2);
            float sin = step.get((channel * size + n) * 2 + 1);
            float re = 0.0f;
            float im = 0.0f;
            for (int t = 0; t < count; t++) {
                float real = cos * re - sin * im + inputs[t];
                im = cos * im + sin * re;
                re = real;
            }
            states.set((context.groupIdx * size + n) * 2, re);
            states.set((context.groupIdx * size + n) * 2 + 1, im);
        }
    }

    /**
     * From chunk to chunk: an element of a sequence's state to a work-item, for ceil(N · H · K / {@link #LOCAL}) groups.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param states of {@link #dlrChunkStates}; receives the state ahead of each chunk
     * @param state [N, H, K, 2], read and written
     */
    public static void dlrCarries(
            KernelContext context,
            IntArray shape,
            IntArray sequences,
            FloatArray step,
            FloatArray states,
            FloatArray state) {
        int elements = shape.get(DeltaShape.VALUE_HEADS) * shape.get(DeltaShape.KEY_DIM);
        int capacity = shape.get(DeltaShape.CAPACITY);
        int i = context.groupIdx * LOCAL + context.localIdx;
        if (i >= elements * capacity) {
            return;
        }
        int length = shape.get(DeltaShape.CHUNK);
        int element = i % elements;
        int sequence = i / elements;
        int stop = sequences.get(sequence + 1);
        int chunk = sequences.get(2 * capacity + 1 + sequence);
        float cos = step.get(2 * element);
        float sin = step.get(2 * element + 1);
        float re = state.get(2 * i);
        float im = state.get(2 * i + 1);
        if (sequences.get(capacity + 1 + sequence) != 0) {
            re = 0.0f;
            im = 0.0f;
        }
        float powerRe = 1.0f;
        float powerIm = 0.0f;
        int power = 0;
        for (int first = sequences.get(sequence); first < stop; first += length) {
            int count = TornadoMath.min(length, stop - first);
            if (count < power) {
                powerRe = 1.0f;
                powerIm = 0.0f;
                power = 0;
            }
            // Once for all whole chunks, and once for a last one that is not.
            for (int n = power; n < count; n++) {
                float product = cos * powerRe - sin * powerIm;
                powerIm = cos * powerIm + sin * powerRe;
                powerRe = product;
            }
            power = count;
            int at = (chunk * elements + element) * 2;
            float real = powerRe * re - powerIm * im + states.get(at);
            float imaginary = powerRe * im + powerIm * re + states.get(at + 1);
            states.set(at, re);
            states.set(at + 1, im);
            re = real;
            im = imaginary;
            chunk++;
        }
        state.set(2 * i, re);
        state.set(2 * i + 1, im);
    }
}
