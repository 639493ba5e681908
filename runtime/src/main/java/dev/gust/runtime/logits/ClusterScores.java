package dev.gust.runtime.logits;

import java.lang.foreign.MemorySegment;

/** The logit of a token's centroid for each token: VQ-Logits' scatter. */
final class ClusterScores implements TokenScores {
    private final TokenScores centroids;
    private final int k;
    private final int[] assignments;

    /** @param centroids scores of centroids instead of tokens */
    ClusterScores(TokenScores centroids, int k, int[] assignments) {
        this.centroids = centroids;
        this.k = k;
        this.assignments = assignments;
    }

    @Override
    public Panel panel(MemorySegment h, int firstRow, int rows) {
        Panel products = centroids.panel(h, firstRow, rows);
        float[][] logits = new float[rows][k];
        float[] tile = new float[TILE];
        for (int row = 0; row < rows; row++) {
            for (int first = 0; first < k; first += TILE) {
                int count = Math.min(TILE, k - first);
                products.scores(row, first, count, tile);
                System.arraycopy(tile, 0, logits[row], first, count);
            }
        }
        return (row, first, count, to) -> {
            float[] of = logits[row];
            for (int i = 0; i < count; i++) {
                to[i] = of[assignments[first + i]];
            }
        };
    }

    @Override
    public void close() {
        centroids.close();
    }
}
