package dev.gust.runtime.vision;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Shape;

/**
 * Sizes of q, k and v [B, N, H, D].
 *
 * @param batches B
 * @param tokens N
 * @param heads H
 * @param width D
 * @param landmarks m, of SOFT; 1 to 64, and at most N
 */
public record VisionShape(long batches, int tokens, int heads, int width, int landmarks) {
    /** SOFT's own number for an image of 224 × 224 pixels. */
    public static final int DEFAULT_LANDMARKS = 49;

    /** Two matrices of that side fit the local memory of any device. */
    public static final int MOST_LANDMARKS = 64;

    /** Wider heads are none that anyone uses, and their states would be beyond reason. */
    private static final int WIDEST = 1024;

    /**
     * Those of a tensor.
     *
     * @param where the file, or whatever errors shall name
     * @param q [B, N, H, D]
     * @param landmarks as many as asked for; fewer tokens have fewer
     * @throws InputException if it is none
     * @throws UsageException if landmarks are out of their range
     */
    public static VisionShape of(String where, Shape q, int landmarks) {
        if (landmarks < 1 || landmarks > MOST_LANDMARKS) {
            throw new UsageException(landmarks + " landmarks", "set 1 … " + MOST_LANDMARKS);
        }
        if (q.rank() != 4 || q.dim(1) < 1 || q.dim(2) < 1 || q.dim(3) < 1) {
            throw InputException.ofTensor(where, "q", "is " + q, "make it [B, N, H, D], with at least one token");
        }
        if (q.dim(3) > WIDEST || q.dim(1) > Integer.MAX_VALUE / 2 / (q.dim(2) * q.dim(3))) {
            throw InputException.ofTensor(
                    where,
                    "q",
                    "is " + q + ", heads of width " + q.dim(3) + " and " + q.dim(1) + " tokens",
                    "heads are " + WIDEST + " wide at most, and one batch's tokens have 2^30 numbers at most");
        }
        int tokens = (int) q.dim(1);
        return new VisionShape(q.dim(0), tokens, (int) q.dim(2), (int) q.dim(3), Math.min(landmarks, tokens));
    }

    /** [B, N, H, D]. */
    public Shape tensor() {
        return Shape.of(batches, tokens, heads, width);
    }

    /** Tokens of heads in one batch. */
    long batchRows() {
        return (long) tokens * heads;
    }

    long rows() {
        return batches * batchRows();
    }
}
