package dev.gust.benchmarks;

/**
 * What was measured of one way of searching one head.
 *
 * @param family for the plot
 * @param label the head
 * @param search how it was searched
 * @param bytes bytes that a query reads, on average
 * @param denseBytes bytes of all rows
 * @param recall for each noise, recall at each of {@link #KS}; NaN where fewer rows are multiplied exactly
 * @param rate queries a second, one at a time
 */
@SuppressWarnings("ArrayRecordComponent") // printed, never compared
record HeadFigures(
        String family, String label, String search, double bytes, double denseBytes, double[][] recall, double rate) {
    /** The k of recall@k. */
    static final int[] KS = {1, 8, 32, 128};

    double share() {
        return bytes / denseBytes;
    }

    /** The least recall@32 over the noises. */
    double worstAt32() {
        double worst = 1;
        for (double[] one : recall) {
            worst = Math.min(worst, one[2]);
        }
        return worst;
    }

    /** Whether a recall@32 of 0.999 is reached with all noises at less than a tenth of the dense product's bytes. */
    boolean reachesTheGoal() {
        return share() < 0.1 && worstAt32() >= 0.999;
    }
}
