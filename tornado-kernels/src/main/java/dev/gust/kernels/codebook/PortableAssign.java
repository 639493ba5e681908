package dev.gust.kernels.codebook;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The centroid that is nearest to each row: argmin over k of ½|c_k|² − x·c_k, which orders centroids as |x − c_k|² does and
 * costs a product for each element. The distance is then summed from differences, so that none is lost to cancellation.
 */
public final class PortableAssign {
    private PortableAssign() {}

    /**
     * The search, a row to a thread.
     *
     * @param shape see {@link AssignShape}
     * @param x [V, D]
     * @param centroids [K, D]
     * @param halfNorms [K] ½|c|²
     * @param ids receives [rows], the least index of those with the least score; 0 behind the call's rows
     * @param capacity rows for which there is room
     */
    public static void nearestPortable(
            IntArray shape, FloatArray x, FloatArray centroids, FloatArray halfNorms, IntArray ids, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            int length = shape.get(AssignShape.LENGTH_OF_ROW);
            int codes = 0;
            if (row < shape.get(AssignShape.ROWS)) {
                codes = shape.get(AssignShape.CODES);
            }
            int from = (row + shape.get(AssignShape.FIRST)) * length;
            float best = AssignShape.FAR;
            int id = 0;
            for (int code = 0; code < codes; code++) {
                float sum = 0.0f;
                for (int d = 0; d < length; d++) {
                    sum += x.get(from + d) * centroids.get(code * length + d);
                }
                float score = halfNorms.get(code) - sum;
                if (score < best) {
                    best = score;
                    id = code;
                }
            }
            ids.set(row, id);
        }
    }

    /**
     * The distances, a row to a thread.
     *
     * @param ids [rows]
     * @param distances receives [rows] |x − c|²; 0 behind the call's rows
     */
    public static void distancesPortable(
            IntArray shape, FloatArray x, FloatArray centroids, IntArray ids, FloatArray distances, int capacity) {
        for (@Parallel int row = 0; row < capacity; row++) {
            int length = 0;
            if (row < shape.get(AssignShape.ROWS)) {
                length = shape.get(AssignShape.LENGTH_OF_ROW);
            }
            int from = (row + shape.get(AssignShape.FIRST)) * length;
            int to = ids.get(row) * length;
            float sum = 0.0f;
            for (int d = 0; d < length; d++) {
                float difference = x.get(from + d) - centroids.get(to + d);
                sum += difference * difference;
            }
            distances.set(row, sum);
        }
    }
}
