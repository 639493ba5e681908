package dev.gust.kernels.attention;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * HGRN's recurrence h = exp(g) ∘ h + x, whose output is h, on any device: token by token, or as a scan in three kernels
 * (chunks by themselves, what is carried from one to the next, and what that adds to their tokens).
 *
 * <p>Source: Hierarchically Gated Recurrent Neural Network (arXiv 2311.04823).
 */
public final class PortableHgrn {
    private PortableHgrn() {}

    /**
     * Token by token: a channel to a thread.
     *
     * @param shape see {@link DeltaShape}; V is the number of channels D
     * @param sequences as {@link PortableDelta}'s
     * @param x [tokens, D]
     * @param g log decays [tokens, D]
     * @param state [N, D], read and written
     * @param o [tokens, D]
     * @param columns N · D
     */
    public static void hgrnPortable(
            IntArray shape,
            IntArray sequences,
            FloatArray x,
            FloatArray g,
            FloatArray state,
            FloatArray o,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_DIM);
            int channel = i % channels;
            int sequence = i / channels;
            int capacity = columns / channels;
            int end = sequences.get(sequence + 1);
            float h = state.get(i);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                h = 0.0f;
            }
            for (int t = sequences.get(sequence); t < end; t++) {
                h = TornadoMath.exp(g.get(t * channels + channel)) * h + x.get(t * channels + channel);
                o.set(t * channels + channel, h);
            }
            state.set(i, h);
        }
    }

    /**
     * Each chunk from zero.
     *
     * @param chunks see {@link ChunkTable}
     * @param o receives [tokens, D]
     * @param carries receives [chunks, D, 2]: what the chunk decays by, and h behind it
     * @param columns D for each chunk for which there is room
     */
    public static void hgrnChunksPortable(
            IntArray shape,
            IntArray chunks,
            FloatArray x,
            FloatArray g,
            FloatArray o,
            FloatArray carries,
            int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_DIM);
            int channel = i % channels;
            int chunk = i / channels;
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float h = 0.0f;
            float decay = 1.0f;
            for (int t = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST); t < end; t++) {
                float step = TornadoMath.exp(g.get(t * channels + channel));
                decay *= step;
                h = step * h + x.get(t * channels + channel);
                o.set(t * channels + channel, h);
            }
            carries.set(2 * i, decay);
            carries.set(2 * i + 1, h);
        }
    }

    /**
     * From chunk to chunk: a channel of a sequence to a thread.
     *
     * @param sequences as {@link PortableDelta}'s, and [N] numbers of each sequence's first chunk
     * @param carries of {@link #hgrnChunksPortable}; its second element becomes h before the chunk
     * @param columns N · D
     */
    public static void hgrnCarriesPortable(
            IntArray shape, IntArray sequences, FloatArray carries, FloatArray state, int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_DIM);
            int length = shape.get(DeltaShape.CHUNK);
            int channel = i % channels;
            int sequence = i / channels;
            int capacity = columns / channels;
            int stop = sequences.get(sequence + 1);
            int chunk = sequences.get(2 * capacity + 1 + sequence);
            float h = state.get(i);
            if (sequences.get(capacity + 1 + sequence) != 0) {
                h = 0.0f;
            }
            for (int first = sequences.get(sequence); first < stop; first += length) {
                int at = (chunk * channels + channel) * 2;
                float next = carries.get(at) * h + carries.get(at + 1);
                carries.set(at + 1, h);
                h = next;
                chunk++;
            }
            state.set(i, h);
        }
    }

    /**
     * Adds what is left of h before the chunk.
     *
     * @param carries of {@link #hgrnCarriesPortable}
     * @param columns D for each chunk for which there is room
     */
    public static void hgrnAddPortable(
            IntArray shape, IntArray chunks, FloatArray g, FloatArray carries, FloatArray o, int columns) {
        for (@Parallel int i = 0; i < columns; i++) {
            int channels = shape.get(DeltaShape.VALUE_DIM);
            int channel = i % channels;
            int chunk = i / channels;
            int end = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.END);
            float left = carries.get(2 * i + 1);
            for (int t = chunks.get(chunk * ChunkTable.LENGTH + ChunkTable.FIRST); t < end; t++) {
                left *= TornadoMath.exp(g.get(t * channels + channel));
                o.set(t * channels + channel, o.get(t * channels + channel) + left);
            }
        }
    }
}
