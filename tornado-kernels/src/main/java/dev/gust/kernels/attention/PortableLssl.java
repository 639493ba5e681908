package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The linear state-space layer x = Ā x + B̄ u, y = c·x + d u for each of H channels, with a dense matrix Ā [K, K], on any
 * device: token by token, or in three kernels as a convolution within chunks (what a chunk leaves behind, what is carried from
 * one to the next, and outputs).
 *
 * <p>Source: Combining Recurrent, Convolutional, and Continuous-time Models with Linear State-Space Layers (arXiv 2110.13985).
 */
public final class PortableLssl {
    private PortableLssl() {}

    /**
     * Token by token: a channel of a sequence to a thread.
     *
     * @param shape see {@link DeltaShape}; K is the size of the state, the value heads are the channels H
     * @param sequences as {@link PortableDelta}'s
     * @param transition Ā [H, K, K]
     * @param input B̄ [H, K]
     * @param output c [H, K], then d [H]
     * @param u [tokens, H]
     * @param state [N, H, K], read and written
     * @param next room for [N, H, K]
     * @param y receives [tokens, H]
     * @param columns N · H
     */
    public static void lsslPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray transition,
            FloatArray input,
            FloatArray output,
            FloatArray u,
            FloatArray state,
            FloatArray next,
            FloatArray y,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int channel = i % channels;
            int sequence = i / channels;
            int capacity = columns / channels;
            int end = sequences.get(sequence + 1);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int n = 0; n < size; n++) {
                    state.set(i * size + n, 0.0f);
                }
            }
            for (int t = sequences.get(sequence); t < end; t++) {
                float value = u.get(t * channels + channel);
                float sum = output.get(channels * size + channel) * value;
                for (int n = 0; n < size; n++) {
                    float x = input.get(channel * size + n) * value;
                    for (int m = 0; m < size; m++) {
                        x += transition.get((channel * size + n) * size + m) * state.get(i * size + m);
                    }
                    next.set(i * size + n, x);
                    sum += output.get(channel * size + n) * x;
                }
                for (int n = 0; n < size; n++) {
                    state.set(i * size + n, next.get(i * size + n));
                }
                y.set(t * channels + channel, sum);
            }
        }
    }

    /**
     * Each chunk from zero: an element of a channel's state to a thread.
     *
     * @param chunks see {@link ChunkTable}
     * @param writes Ā^l B̄ [H, C, K], l from 0
     * @param carries receives [chunks, H, K, 2]: the state behind the chunk, and room for that before it
     * @param columns H · K for each chunk for which there is room
     */
    public static void lsslChunksPortable(
            IntArray shape, IntArray chunks, FloatArray writes, FloatArray u, FloatArray carries, int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int length = shape.get(DeltaShape.CHUNK);
            int element = i % (channels * size);
            int channel = element / size;
            int chunk = i / (channels * size);
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float x = 0.0f;
            for (int t = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST); t < end; t++) {
                int power = end - 1 - t;
                x += writes.get((channel * length + power) * size + element % size) * u.get(t * channels + channel);
            }
            carries.set(2 * i, x);
            carries.set(2 * i + 1, 0.0f);
        }
    }

    /**
     * From chunk to chunk: a channel of a sequence to a thread.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param transitions Ā, then Ā^C [2, H, K, K]: a last chunk that is not full takes the first as often as it has tokens
     * @param carries of {@link #lsslChunksPortable}; receives the state before each chunk
     * @param next room for [N, H, K]
     * @param columns N · H
     */
    public static void lsslCarriesPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray transitions,
            FloatArray carries,
            FloatArray state,
            FloatArray next,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int length = shape.get(DeltaShape.CHUNK);
            int channel = i % channels;
            int sequence = i / channels;
            int capacity = columns / channels;
            int stop = sequences.get(sequence + 1);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                for (int n = 0; n < size; n++) {
                    state.set(i * size + n, 0.0f);
                }
            }
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int at = (chunk * channels + channel) * size * 2;
                int matrix = (channels + channel) * size * size;
                int times = 1;
                if (stop - first < length) {
                    matrix = channel * size * size;
                    times = stop - first;
                }
                for (int n = 0; n < size; n++) {
                    carries.set(at + 2 * n + 1, state.get(i * size + n));
                }
                for (int step = 0; step < times; step++) {
                    for (int n = 0; n < size; n++) {
                        float x = 0.0f;
                        for (int m = 0; m < size; m++) {
                            x += transitions.get(matrix + n * size + m) * state.get(i * size + m);
                        }
                        next.set(i * size + n, x);
                    }
                    for (int n = 0; n < size; n++) {
                        state.set(i * size + n, next.get(i * size + n));
                    }
                }
                for (int n = 0; n < size; n++) {
                    state.set(i * size + n, state.get(i * size + n) + carries.get(at + 2 * n));
                }
                chunk++;
            }
        }
    }

    /**
     * Outputs: a channel of a token to a thread.
     *
     * @param kernel c·Ā^l B̄ [H, C], with d added for l = 0
     * @param reads c Ā^(l + 1) [H, C, K]
     * @param carries of {@link #lsslCarriesPortable}
     * @param columns C · H for each chunk for which there is room
     */
    public static void lsslOutputsPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray kernel,
            FloatArray reads,
            FloatArray u,
            FloatArray carries,
            FloatArray y,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_HEADS);
            int size = shape.get(DeltaShape.KEY_DIM);
            int length = shape.get(DeltaShape.CHUNK);
            int channel = i % channels;
            int place = (i / channels) % length;
            int chunk = i / (channels * length);
            int first = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST);
            int token = first + place;
            if (token < chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END)) {
                float sum = 0.0f;
                for (int l = 0; l <= place; l++) {
                    sum += kernel.get(channel * length + l) * u.get((token - l) * channels + channel);
                }
                int read = (channel * length + place) * size;
                int at = (chunk * channels + channel) * size * 2;
                for (int n = 0; n < size; n++) {
                    sum += reads.get(read + n) * carries.get(at + 2 * n + 1);
                }
                y.set(token * channels + channel, sum);
            }
        }
    }
}
