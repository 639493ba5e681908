package dev.gust.runtime.codebook.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Centroids packed for the search: panels of two vectors of centroids, column by column. Safe to share between threads.
 *
 * <p>Vectors of centroids are numbered in floats, which are exact up to 2^24 of them.
 */
public final class NearestCentroids {
    /** Floats of rows that a thread packs at a time, so that they stay in the second-level cache. */
    private static final int BLOCK_FLOATS = 1 << 15;

    private static final int MOST_ROWS = 256;

    private final int length;
    private final float[] centroids;
    private final float[] panels;
    private final float[] norms;

    /**
     * Packs.
     *
     * @param centroids [K, D] float32
     * @param codes K
     * @param length D
     */
    public NearestCentroids(MemorySegment centroids, int codes, int length) {
        this.length = length;
        this.centroids = new float[Math.multiplyExact(codes, length)];
        MemorySegment.copy(centroids, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, this.centroids, 0, this.centroids.length);
        int padded = Math.ceilDiv(codes, AssignLoops.PANEL) * AssignLoops.PANEL;
        panels = new float[Math.multiplyExact(padded, length)];
        norms = new float[padded];
        Arrays.fill(norms, Float.MAX_VALUE);
        for (int code = 0; code < codes; code++) {
            int to = code / AssignLoops.PANEL * AssignLoops.PANEL * length + code % AssignLoops.PANEL;
            double squares = 0;
            for (int d = 0; d < length; d++) {
                float value = this.centroids[code * length + d];
                panels[to + d * AssignLoops.PANEL] = value;
                squares += (double) value * value;
            }
            norms[code] = (float) (squares / 2);
        }
    }

    /** Rows to a piece of work. */
    public int grain() {
        int rows = Math.clamp(BLOCK_FLOATS / Math.max(1, length), 2 * AssignLoops.ROWS, MOST_ROWS);
        return rows / AssignLoops.ROWS * AssignLoops.ROWS;
    }

    /**
     * Finds the nearest centroids of some rows.
     *
     * @param x [V, D] float32
     * @param from the first row in x
     * @param count rows
     * @param ids receives the least index of those that are nearest, from {@code to}
     * @param distances receives |x − c|² there
     */
    public void find(MemorySegment x, long from, int count, MemorySegment ids, MemorySegment distances, long to) {
        int quads = Math.ceilDiv(count, AssignLoops.ROWS);
        float[] rows = new float[quads * AssignLoops.ROWS * length];
        float[] row = new float[length];
        for (int r = 0; r < count; r++) {
            load(x, from + r, row);
            int at = r / AssignLoops.ROWS * AssignLoops.ROWS * length + r % AssignLoops.ROWS;
            for (int d = 0; d < length; d++) {
                rows[at + d * AssignLoops.ROWS] = row[d];
            }
        }
        float[] best = new float[quads * AssignLoops.ROWS * AssignLoops.LANES];
        Arrays.fill(best, Float.MAX_VALUE); // out of reach for places in a panel without a centroid
        float[] vectors = new float[best.length];
        float[] sums = new float[AssignLoops.ROWS * AssignLoops.PANEL];
        for (int panel = 0; panel < norms.length / AssignLoops.PANEL; panel++) {
            for (int quad = 0; quad < quads; quad++) {
                AssignLoops.products(
                        rows,
                        quad * AssignLoops.ROWS * length,
                        panels,
                        panel * AssignLoops.PANEL * length,
                        length,
                        sums);
                AssignLoops.keepLeast(
                        sums, norms, 2 * panel, best, vectors, quad * AssignLoops.ROWS * AssignLoops.LANES);
            }
        }
        for (int r = 0; r < count; r++) {
            int id = least(best, vectors, r * AssignLoops.LANES);
            load(x, from + r, row);
            ids.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, to + r, id);
            distances.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, to + r, distance(row, id));
        }
    }

    private void load(MemorySegment x, long row, float[] values) {
        MemorySegment.copy(x, ValueLayout.JAVA_FLOAT_UNALIGNED, row * length * Float.BYTES, values, 0, length);
    }

    /** The least index among the lanes' best. */
    private static int least(float[] best, float[] vectors, int at) {
        float score = Float.POSITIVE_INFINITY;
        int id = 0;
        for (int lane = 0; lane < AssignLoops.LANES; lane++) {
            int candidate = (int) vectors[at + lane] * AssignLoops.LANES + lane;
            if (best[at + lane] < score || (best[at + lane] == score && candidate < id)) {
                score = best[at + lane];
                id = candidate;
            }
        }
        return id;
    }

    /** From differences: ½|c|² − x·c would lose a small one to cancellation. */
    private float distance(float[] row, int id) {
        float sum = 0;
        for (int d = 0; d < length; d++) {
            float difference = row[d] - centroids[id * length + d];
            sum += difference * difference;
        }
        return sum;
    }
}
