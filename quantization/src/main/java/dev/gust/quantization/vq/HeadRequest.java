package dev.gust.quantization.vq;

import dev.gust.formats.UsageException;
import dev.gust.formats.vqhead.HeadMethod;

/**
 * What head to build.
 *
 * @param method of the screen
 * @param codes clusters, or entries of a codebook; 0 for a cluster to 16 rows, or 256 entries
 * @param parts codebooks: parts of a row or levels; 0 for one to 4 columns (pq) or 16 levels (rvq)
 * @param rank of a low-rank screen; 0 for a quarter of the columns
 * @param simVq whether clusters' centroids are a frozen codebook times a learned map
 * @param rerank rows that a search multiplies exactly, for the file; 0 for {@link #RERANK}
 * @param probes clusters that a search looks into, for the file; 0 for what searches do anyway
 * @param outliers rows that every search multiplies exactly, those that the screen gets most wrong (pq, rvq, int4); of few rows
 *     fewer, one in {@link #ROWS_TO_AN_OUTLIER} at most
 * @param scoreWeight for pq: how much more an error along a row counts than one across it when the row's codes are chosen, see
 *     {@link #SCORE_WEIGHT}; 0 for the nearest entries
 * @param training how codebooks are trained; its codes do not count
 */
public record HeadRequest(
        HeadMethod method,
        int codes,
        int parts,
        int rank,
        boolean simVq,
        int rerank,
        int probes,
        int outliers,
        double scoreWeight,
        KMeansOptions training) {
    /** Rows that are multiplied exactly after a screen unless something else is asked for. */
    public static final int RERANK = 256;

    /** Rows that are always multiplied exactly unless something else is asked for. */
    public static final int OUTLIERS = 512;

    /** So many rows allow for one outlier. */
    public static final int ROWS_TO_AN_OUTLIER = 512;

    /**
     * How much more an error along a row counts than one across it, unless something else is asked for. From 1 to 4 more of the
     * best rows are found on real matrices than without, above all among rows that are nearly equal; far above, errors across
     * grow and fewer are.
     */
    public static final double SCORE_WEIGHT = 3;

    /** Rows to a cluster, as FlashHead has them. */
    private static final int ROWS_TO_A_CLUSTER = 16;

    private static final int MOST_SCORE_WEIGHT = 1000;
    private static final int COLUMNS_TO_A_PART = 4;
    private static final int LEVELS = 16;

    /**
     * @throws UsageException if a number is negative, or belongs to another method
     */
    public HeadRequest {
        if (codes < 0 || parts < 0 || rank < 0 || rerank < 0 || probes < 0 || outliers < 0) {
            throw new UsageException(
                    "codes " + codes + ", parts " + parts + ", rank " + rank + ", rerank " + rerank + ", probes "
                            + probes + ", outliers " + outliers,
                    "give nothing negative");
        }
        if (!(scoreWeight >= 0 && scoreWeight <= MOST_SCORE_WEIGHT)) {
            throw new UsageException("a score weight of " + scoreWeight, "give 0 to " + MOST_SCORE_WEIGHT);
        }
        boolean clusters = method == HeadMethod.KMEANS || method == HeadMethod.SPHERICAL;
        boolean bytes = method == HeadMethod.PQ || method == HeadMethod.RVQ;
        require(method, "codes", codes == 0 || clusters || bytes, "kmeans, spherical, pq and rvq");
        require(method, "parts or levels", parts == 0 || bytes, "pq and rvq");
        require(method, "a rank", rank == 0 || method == HeadMethod.LOWRANK, "lowrank");
        require(method, "probes", probes == 0 || clusters, "kmeans and spherical");
        require(method, "a frozen codebook", !simVq || method == HeadMethod.KMEANS, "kmeans");
        require(method, "clusters of equal size", !training.balanced() || (clusters && !simVq), "kmeans and spherical");
        require(method, "a score weight", scoreWeight == SCORE_WEIGHT || method == HeadMethod.PQ, "pq");
        require(method, "exact rows to rerank", rerank == 0 || !clusters, "pq, rvq, int4 and lowrank");
        boolean outlying = bytes || method == HeadMethod.INT4;
        require(method, "outliers", outliers == OUTLIERS || outliers == 0 || outlying, "pq, rvq and int4");
        boolean means = bytes || (clusters && !simVq);
        require(method, "batches", training.batch() == 0 || means, "codebooks that k-means trains");
        require(method, "a sample", training.sample() == 0 || means, "codebooks that k-means trains");
        if (bytes && codes > ProductQuantizer.MOST_ENTRIES) {
            throw new UsageException(codes + " codes", "a code is a byte: ask for 256 at most");
        }
        if (method == HeadMethod.RVQ && parts > ProductQuantizer.MOST_LEVELS) {
            throw new UsageException(parts + " levels", "ask for " + ProductQuantizer.MOST_LEVELS + " at most");
        }
    }

    private static void require(HeadMethod method, String what, boolean holds, String methods) {
        if (!holds) {
            throw new UsageException(
                    "a head of method " + method.label() + " has no use for " + what, "that is for " + methods);
        }
    }

    /** A method with all that follows from it. */
    public static HeadRequest of(HeadMethod method, long seed) {
        return new HeadRequest(method, 0, 0, 0, false, 0, 0, OUTLIERS, SCORE_WEIGHT, KMeansOptions.of(1, seed));
    }

    public HeadRequest withCodes(int count) {
        return new HeadRequest(method, count, parts, rank, simVq, rerank, probes, outliers, scoreWeight, training);
    }

    public HeadRequest withParts(int count) {
        return new HeadRequest(method, codes, count, rank, simVq, rerank, probes, outliers, scoreWeight, training);
    }

    public HeadRequest withSimVq(boolean frozen) {
        return new HeadRequest(method, codes, parts, rank, frozen, rerank, probes, outliers, scoreWeight, training);
    }

    public HeadRequest withRank(int r) {
        return new HeadRequest(method, codes, parts, r, simVq, rerank, probes, outliers, scoreWeight, training);
    }

    public HeadRequest withTraining(KMeansOptions options) {
        return new HeadRequest(method, codes, parts, rank, simVq, rerank, probes, outliers, scoreWeight, options);
    }

    public HeadRequest withOutliers(int most) {
        return new HeadRequest(method, codes, parts, rank, simVq, rerank, probes, most, scoreWeight, training);
    }

    public HeadRequest withScoreWeight(double w) {
        return new HeadRequest(method, codes, parts, rank, simVq, rerank, probes, outliers, w, training);
    }

    /** Clusters, or entries of a codebook, for so many rows. */
    int codesFor(int rows) {
        if (codes > 0) {
            return codes;
        }
        return method == HeadMethod.PQ || method == HeadMethod.RVQ
                ? Math.clamp(rows - 1, 1, ProductQuantizer.MOST_ENTRIES)
                : Math.ceilDiv(rows, ROWS_TO_A_CLUSTER);
    }

    /** Codebooks for rows of so many columns. */
    int partsFor(int length) {
        if (parts > 0) {
            return parts;
        }
        return method == HeadMethod.RVQ ? LEVELS : Math.ceilDiv(length, COLUMNS_TO_A_PART);
    }

    int rankFor(int length) {
        return rank > 0 ? rank : Math.max(1, length / 4);
    }

    /** Options of the k-means that trains its codebooks. */
    KMeansOptions trainingFor(int rows) {
        return new KMeansOptions(
                codesFor(rows),
                training.iterations(),
                training.tolerance(),
                training.seed(),
                training.batch(),
                training.sample(),
                method == HeadMethod.SPHERICAL,
                training.balanced());
    }
}
