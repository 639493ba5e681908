package dev.gust.formats.vqhead;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** What an output head has beside its exact rows, to find the rows that matter without reading all of them. */
public enum HeadMethod {
    /** Nothing: every row is read. */
    DENSE,
    /** Centroids, and for each token that of its cluster; Euclidean. */
    KMEANS,
    /** The same with centroids of length 1 and clusters by angle. */
    SPHERICAL,
    /** A codebook for each part of a row. */
    PQ,
    /** Codebooks whose entries are added up, one of each. */
    RVQ,
    /** Codes of 4 bits with a scale for each 32. */
    INT4,
    /** A product of two thin matrices. */
    LOWRANK;

    /** As metadata and the command line spell it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The method of that label. */
    public static Optional<HeadMethod> find(String label) {
        return Arrays.stream(values()).filter(m -> m.label().equals(label)).findFirst();
    }
}
