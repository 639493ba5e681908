package dev.gust.quantization.vq;

import java.lang.foreign.MemorySegment;

/**
 * Rows in clusters.
 *
 * @param centroids [K, D]; of length 1 if clusters are spherical
 * @param ids int32 [V], the cluster of each row
 * @param distances float32 [V], the squared distance of each row from its centroid; of rows brought to length 1 if clusters
 *     are spherical
 * @param iterations passes that training took
 * @param repaired how often an empty cluster was given a row
 */
public record Clusters(Vectors centroids, MemorySegment ids, MemorySegment distances, int iterations, int repaired) {
    TrainingRun.Nearest nearest() {
        return new TrainingRun.Nearest(ids, distances);
    }

    /** The cluster of a row. */
    public int id(int row) {
        return nearest().id(row);
    }

    /** The sum of squared distances. */
    public double error() {
        return nearest().error();
    }

    /** Rows in each cluster. */
    public int[] sizes() {
        return nearest().sizes(centroids.count());
    }
}
