package dev.gust.quantization.vq;

import java.util.Arrays;

/** Means of clusters, summed in float64 in the order of rows, whichever thread does it. */
final class ClusterMeans {
    private final TrainingRun run;
    private final Vectors x;
    private final boolean spherical;

    ClusterMeans(TrainingRun run, Vectors x, boolean spherical) {
        this.run = run;
        this.x = x;
        this.spherical = spherical;
    }

    /**
     * Moves centroids to the means of their rows, or to their directions if clusters are spherical. A centroid without rows,
     * or whose rows cancel out, stays where it is.
     */
    void update(TrainingRun.Nearest nearest, Vectors centroids) {
        int[] sizes = nearest.sizes(centroids.count());
        int[] order = order(nearest, sizes);
        int[] ends = new int[sizes.length];
        int end = 0;
        for (int code = 0; code < sizes.length; code++) {
            end += sizes[code];
            ends[code] = end;
        }
        run.forRows(sizes.length, 1, (first, stop) -> {
            double[] sums = new double[x.length()];
            float[] row = new float[x.length()];
            for (int code = (int) first; code < stop; code++) {
                Arrays.fill(sums, 0);
                for (int i = ends[code] - sizes[code]; i < ends[code]; i++) {
                    x.load(order[i], row);
                    for (int d = 0; d < row.length; d++) {
                        sums[d] += row[d];
                    }
                }
                double divisor = spherical ? Math.sqrt(squares(sums)) : sizes[code];
                if (divisor > 0) {
                    for (int d = 0; d < row.length; d++) {
                        row[d] = (float) (sums[d] / divisor);
                    }
                    centroids.store(code, row);
                }
            }
        });
    }

    /** Rows by cluster, ascending within each. */
    private static int[] order(TrainingRun.Nearest nearest, int[] sizes) {
        int[] next = new int[sizes.length];
        for (int code = 1; code < sizes.length; code++) {
            next[code] = next[code - 1] + sizes[code - 1];
        }
        int[] order = new int[nearest.rows()];
        for (int row = 0; row < order.length; row++) {
            order[next[nearest.id(row)]++] = row;
        }
        return order;
    }

    private static double squares(double[] values) {
        double squares = 0;
        for (double value : values) {
            squares += value * value;
        }
        return squares;
    }
}
