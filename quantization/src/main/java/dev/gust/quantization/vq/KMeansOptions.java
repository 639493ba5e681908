package dev.gust.quantization.vq;

import dev.gust.formats.UsageException;

/**
 * How k-means runs.
 *
 * @param codes K, clusters
 * @param iterations most passes over the rows
 * @param tolerance stop when a pass lowers the error by less than this part of it
 * @param seed of every random choice
 * @param batch rows that are looked at between two updates of the centroids (minibatch); 0 for all of them
 * @param sample most rows to train on, drawn at random; 0 for 256 to a cluster
 * @param spherical whether rows and centroids are brought to length 1, so that angles count
 * @param balanced whether clusters are made equal in size, but for one row
 */
public record KMeansOptions(
        int codes,
        int iterations,
        double tolerance,
        long seed,
        int batch,
        int sample,
        boolean spherical,
        boolean balanced) {
    /** Training ends when a pass lowers the error by less than this part of it, unless something else is asked for. */
    public static final double TOLERANCE = 1e-3;

    /** More rows to a cluster do not move its centroid by much. */
    private static final int ROWS_TO_A_CODE = 256;

    /**
     * @throws UsageException if a number is out of range
     */
    public KMeansOptions {
        if (codes < 1 || iterations < 1 || batch < 0 || sample < 0 || !(tolerance >= 0)) {
            throw new UsageException(
                    "k-means with " + codes + " codes, " + iterations + " iterations, batch " + batch + ", sample "
                            + sample + ", tolerance " + tolerance,
                    "give at least one code and iteration, and nothing negative");
        }
    }

    /** 25 passes at most over all that counts, Euclidean. */
    public static KMeansOptions of(int codes, long seed) {
        return new KMeansOptions(codes, 25, TOLERANCE, seed, 0, 0, false, false);
    }

    /** With rows and centroids of length 1. */
    public KMeansOptions angular() {
        return new KMeansOptions(codes, iterations, tolerance, seed, batch, sample, true, balanced);
    }

    /** With clusters of equal size. */
    public KMeansOptions ofEqualSize() {
        return new KMeansOptions(codes, iterations, tolerance, seed, batch, sample, spherical, true);
    }

    public KMeansOptions withSeed(long other) {
        return new KMeansOptions(codes, iterations, tolerance, other, batch, sample, spherical, balanced);
    }

    public KMeansOptions withIterations(int most) {
        return new KMeansOptions(codes, most, tolerance, seed, batch, sample, spherical, balanced);
    }

    public KMeansOptions withBatch(int rows) {
        return new KMeansOptions(codes, iterations, tolerance, seed, rows, sample, spherical, balanced);
    }

    public KMeansOptions withSample(int rows) {
        return new KMeansOptions(codes, iterations, tolerance, seed, batch, rows, spherical, balanced);
    }

    /** Rows to train on of so many. */
    int sampleOf(int rows) {
        return (int) Math.min(rows, sample > 0 ? Math.max(sample, codes) : (long) codes * ROWS_TO_A_CODE);
    }
}
