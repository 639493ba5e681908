package dev.gust.benchmarks;

import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.quantization.vq.HeadRequest;
import dev.gust.quantization.vq.KMeansOptions;
import dev.gust.runtime.logits.HeadOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;

/**
 * A head to measure.
 *
 * @param family what it is called in the plot
 * @param label with its size
 * @param request how it is trained
 * @param searches how it is searched
 */
record HeadForm(String family, String label, HeadRequest request, List<HeadOptions> searches) {
    private static final long SEED = 1;

    /** FlashHead has a cluster to 16 rows; more than these take long to train. */
    private static final int MOST_CLUSTERS = 4096;

    /** Clusters of equal size take a while, and no longer than others to be searched. */
    private static final int MOST_ROWS_BALANCED = 100_000;

    /** Parts for which nearest entries are measured, too: those that come near the goal. */
    private static final int WIDEST_NEAREST = 5;

    private static final int WIDEST_WITHOUT_OUTLIERS = 4;

    /** Every head, for so many rows and columns. */
    static List<HeadForm> all(int rows, int length) {
        var forms = new ArrayList<HeadForm>();
        KMeansOptions training =
                KMeansOptions.of(1, SEED).withIterations(10); // of thousands of clusters, and rvq's levels
        forms.add(new HeadForm("dense", "dense", HeadRequest.of(HeadMethod.DENSE, SEED), List.of(HeadOptions.DEFAULT)));
        var codebook = HeadOptions.DEFAULT.with(HeadOptions.Search.CODEBOOK);
        List<HeadOptions> clusters = List.of(
                codebook,
                HeadOptions.DEFAULT.withProbes(16),
                HeadOptions.DEFAULT.withProbes(64),
                HeadOptions.DEFAULT.withProbes(256));
        int codes = Math.min(rows / 16, MOST_CLUSTERS);
        HeadRequest spherical =
                HeadRequest.of(HeadMethod.SPHERICAL, SEED).withCodes(codes).withTraining(training);
        HeadRequest means =
                HeadRequest.of(HeadMethod.KMEANS, SEED).withCodes(codes).withTraining(training);
        forms.add(new HeadForm("k-means", "kmeans " + codes, means, clusters));
        forms.add(new HeadForm("SimVQ", "simvq " + codes, means.withSimVq(true), clusters));
        forms.add(new HeadForm("spherical", "spherical " + codes, spherical, clusters));
        if (rows < MOST_ROWS_BALANCED) {
            forms.add(new HeadForm(
                    "spherical, equal size",
                    "balanced " + codes,
                    spherical.withTraining(training.ofEqualSize()),
                    clusters));
        }
        for (int width : new int[] {8, 6, 5, 4, 3}) {
            int parts = Math.ceilDiv(length, width);
            long screen = (long) rows * parts + 4L * 256 * parts * width;
            HeadRequest request = HeadRequest.of(HeadMethod.PQ, SEED).withParts(parts);
            forms.add(new HeadForm("pq", "pq " + parts, request, reranks(rows, length, screen)));
            if (width <= WIDEST_NEAREST) {
                forms.add(new HeadForm(
                        "pq of nearest entries",
                        "pq " + parts + " nearest",
                        request.withScoreWeight(0),
                        reranks(rows, length, screen)));
            }
            if (width <= WIDEST_WITHOUT_OUTLIERS) {
                forms.add(new HeadForm(
                        "pq without outliers",
                        "pq " + parts + " no outliers",
                        request.withOutliers(0),
                        reranks(rows, length, screen, 0)));
            }
        }
        for (int levels : new int[] {8, 16, 24}) {
            long screen = (long) rows * levels + 4L * 256 * levels * length;
            forms.add(new HeadForm(
                    "rvq",
                    "rvq " + levels,
                    HeadRequest.of(HeadMethod.RVQ, SEED).withParts(levels).withTraining(training),
                    reranks(rows, length, screen)));
        }
        List<HeadOptions> few = List.of(HeadOptions.DEFAULT.withRerank(32), HeadOptions.DEFAULT.withRerank(256));
        forms.add(new HeadForm("int4", "int4", HeadRequest.of(HeadMethod.INT4, SEED), few));
        for (int part : new int[] {8, 4, 2}) {
            forms.add(new HeadForm(
                    "low rank",
                    "lowrank " + length / part,
                    HeadRequest.of(HeadMethod.LOWRANK, SEED).withRank(length / part),
                    few));
        }
        return forms;
    }

    /** 32, 256 and 1024 exact rows, and as many as keep a query below a tenth of the dense product's bytes. */
    private static List<HeadOptions> reranks(int rows, int length, long screen) {
        return reranks(rows, length, screen, Math.min(HeadRequest.OUTLIERS, rows / HeadRequest.ROWS_TO_AN_OUTLIER));
    }

    private static List<HeadOptions> reranks(int rows, int length, long screen, long outliers) {
        var counts = new TreeSet<>(List.of(32, 256, 1024));
        long tenth = ((long) rows * length * 4 / 10 - screen) / (4L * length) - outliers;
        if (tenth >= NoisyQueries.MOST) {
            counts.add((int) tenth);
        }
        return counts.stream().map(HeadOptions.DEFAULT::withRerank).toList();
    }

    /** How a search is called in the table. */
    static String label(HeadForm form, HeadOptions search) {
        if (search.search() == HeadOptions.Search.CODEBOOK) {
            return "codebook only";
        }
        return switch (form.request().method()) {
            case DENSE -> "";
            case KMEANS, SPHERICAL -> "probes " + search.probes();
            default -> "rerank " + search.rerank();
        };
    }
}
