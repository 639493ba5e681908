package dev.gust.kernels.codebook;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** A layer that looks rows up instead of multiplying: signs of a chunk of x are the number of a row in the chunk's table. */
public final class PortableMemoryLayer {
    private PortableMemoryLayer() {}

    /**
     * The row that each chunk points at, and its weight; a chunk to a thread.
     *
     * @param x [M, chunks, τ]
     * @param places receives [M, chunks]: chunk · 2^τ + Σ 2^i over the elements i that are not negative
     * @param weights receives [M, chunks]: Π 1 / (1 + e^(−2|x_i| · inverse)), or 1 if {@code inverse} is 0
     * @param inverse 1 / temperature; 0 for rows without weights
     * @param count M · chunks
     */
    public static void hashChunks(
            FloatArray x, IntArray places, FloatArray weights, int chunks, int bits, float inverse, int count) {
        for (@Parallel int i = 0; i < count; i++) {
            int place = 0;
            int power = 1;
            float product = 1.0f;
            for (int bit = 0; bit < bits; bit++) {
                float value = x.get(i * bits + bit);
                if (value >= 0.0f) {
                    place += power;
                }
                power = power * 2;
                float magnitude = TornadoMath.max(value, 0.0f - value);
                if (inverse > 0.0f) {
                    product = product * (1.0f + TornadoMath.exp(-2.0f * magnitude * inverse));
                }
            }
            places.set(i, (i % chunks) * power + place);
            weights.set(i, 1.0f / product);
        }
    }

    /**
     * y = Σ weight · row; an element of y to a thread.
     *
     * @param tables [chunks, 2^τ, O]
     * @param y receives [M, O]
     * @param count M · O
     */
    public static void sumRows(
            IntArray places, FloatArray weights, FloatArray tables, FloatArray y, int chunks, int outputs, int count) {
        for (@Parallel int i = 0; i < count; i++) {
            int first = (i / outputs) * chunks;
            int column = i % outputs;
            float sum = 0.0f;
            for (int chunk = 0; chunk < chunks; chunk++) {
                sum += weights.get(first + chunk) * tables.get(places.get(first + chunk) * outputs + column);
            }
            y.set(i, sum);
        }
    }
}
