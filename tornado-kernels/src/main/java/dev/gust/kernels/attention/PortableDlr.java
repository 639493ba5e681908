package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The diagonal linear RNN x = e^Λ ∘ x + u, y = Re(w·x) for each of H channels, with a complex state of K elements, on any
 * device: token by token, or as a scan in three kernels (chunks by themselves, what is carried from one to the next, and each
 * chunk's outputs from what was carried to it).
 *
 * <p>Source: Simplifying and Understanding State Space Models with Diagonal Linear RNNs (arXiv 2212.00768).
 */
public final class PortableDlr {
    private PortableDlr() {}

    /**
     * Token by token: a channel of a sequence to a thread, one element of the state after the other, so that it stays in
     * registers.
     *
     * @param shape see {@link DeltaShape}; K is the size of the state, the value heads are the channels H
     * @param sequences as {@link PortableDelta}'s
     * @param step e^Λ [H, K, 2]: real and imaginary parts
     * @param weights w [H, K, 2]
     * @param u [tokens, H]
     * @param state [N, H, K, 2], read and written
     * @param y receives [tokens, H]
     * @param columns N · H
     */
    public static void dlrPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray step,
            FloatArray weights,
            FloatArray u,
            FloatArray state,
            FloatArray y,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int channel = i % channels;
            int sequence = i / channels;
            int capacity = columns / channels;
            int first = sequences.get(sequence);
            int end = sequences.get(sequence + 1);
            int cleared = sequences.get(capacity + 1 + sequence);
            for (int t = first; t < end; t++) {
                y.set(t * channels + channel, 0.0f);
            }
            for (int n = 0; n < size; n++) {
                int weight = (channel * size + n) * 2;
                int at = (i * size + n) * 2;
                float cos = step.get(weight);
                float sin = step.get(weight + 1);
                float re = state.get(at);
                float im = state.get(at + 1);
                if (cleared != 0) {
                    re = 0.0f;
                    im = 0.0f;
                }
                for (int t = first; t < end; t++) {
                    float real = cos * re - sin * im + u.get(t * channels + channel);
                    im = cos * im + sin * re;
                    re = real;
                    float more = weights.get(weight) * re - weights.get(weight + 1) * im;
                    y.set(t * channels + channel, y.get(t * channels + channel) + more);
                }
                state.set(at, re);
                state.set(at + 1, im);
            }
        }
    }

    /**
     * Each chunk from zero.
     *
     * @param chunks see {@link ChunkTable}
     * @param carries receives [chunks, H, K, 4]: what the chunk multiplies by, and the state behind it
     * @param columns H · K for each chunk for which there is room
     */
    public static void dlrChunksPortable(
            IntArray shape, IntArray chunks, FloatArray step, FloatArray u, FloatArray carries, int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int element = i % (channels * size);
            int channel = element / size;
            int chunk = i / (channels * size);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float cos = step.get(2 * element);
            float sin = step.get(2 * element + 1);
            float powerRe = 1.0f;
            float powerIm = 0.0f;
            float re = 0.0f;
            float im = 0.0f;
            for (int t = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST); t < end; t++) {
                float power = cos * powerRe - sin * powerIm;
                powerIm = cos * powerIm + sin * powerRe;
                powerRe = power;
                float real = cos * re - sin * im + u.get(t * channels + channel);
                im = cos * im + sin * re;
                re = real;
            }
            carries.set(4 * i, powerRe);
            carries.set(4 * i + 1, powerIm);
            carries.set(4 * i + 2, re);
            carries.set(4 * i + 3, im);
        }
    }

    /**
     * From chunk to chunk: an element of a sequence's state to a thread.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param carries of {@link #dlrChunksPortable}; its last two elements become the state before the chunk
     * @param columns N · H · K
     */
    public static void dlrCarriesPortable(
            IntArray shape, IntArray sequences, FloatArray carries, FloatArray state, int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int elements = shape.get(DeltaShape.VALUE_HEADS) * shape.get(DeltaShape.KEY_DIM);
            int length = shape.get(DeltaShape.CHUNK);
            int element = i % elements;
            int sequence = i / elements;
            int capacity = columns / elements;
            int stop = sequences.get(sequence + 1);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            float re = state.get(2 * i);
            float im = state.get(2 * i + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                re = 0.0f;
                im = 0.0f;
            }
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int at = (chunk * elements + element) * 4;
                float real = carries.get(at) * re - carries.get(at + 1) * im + carries.get(at + 2);
                float imaginary = carries.get(at) * im + carries.get(at + 1) * re + carries.get(at + 3);
                carries.set(at + 2, re);
                carries.set(at + 3, im);
                re = real;
                im = imaginary;
                chunk++;
            }
            state.set(2 * i, re);
            state.set(2 * i + 1, im);
        }
    }

    /**
     * Each chunk from the state before it: a channel of a chunk to a thread.
     *
     * @param carries of {@link #dlrCarriesPortable}
     * @param columns H for each chunk for which there is room
     */
    public static void dlrOutputsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray step,
            FloatArray weights,
            FloatArray u,
            FloatArray carries,
            FloatArray y,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int channel = i % channels;
            int chunk = i / channels;
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            for (int t = first; t < end; t++) {
                y.set(t * channels + channel, 0.0f);
            }
            for (int n = 0; n < size; n++) {
                int weight = (channel * size + n) * 2;
                float cos = step.get(weight);
                float sin = step.get(weight + 1);
                float re = carries.get((i * size + n) * 4 + 2);
                float im = carries.get((i * size + n) * 4 + 3);
                for (int t = first; t < end; t++) {
                    float real = cos * re - sin * im + u.get(t * channels + channel);
                    im = cos * im + sin * re;
                    re = real;
                    float more = weights.get(weight) * re - weights.get(weight + 1) * im;
                    y.set(t * channels + channel, y.get(t * channels + channel) + more);
                }
            }
        }
    }
}
