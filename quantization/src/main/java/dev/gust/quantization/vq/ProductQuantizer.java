package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** Codebooks of parts of a row (product quantization, Jégou et al. 2011), or of whole rows that are added up (residual). */
public final class ProductQuantizer {
    /** A code is a byte. */
    public static final int MOST_ENTRIES = 256;

    /** Residual codebooks beyond which nothing is left of rows in float32. */
    public static final int MOST_LEVELS = 256;

    private ProductQuantizer() {}

    /**
     * Parts of equal width, ceil(D / S), of which the last is filled up with zeros. Parts that would hold nothing but zeros
     * are left out, so there may be fewer than asked for.
     *
     * @param length D
     * @param wanted S
     */
    public static int parts(int length, int wanted) {
        return Math.ceilDiv(length, Math.ceilDiv(length, wanted));
    }

    /**
     * Trains a codebook for each part of a row, by k-means.
     *
     * @param x finite rows
     * @param parts S, 1 to D
     * @param options for the codebooks: at most {@link #MOST_ENTRIES}, Euclidean; the seed grows by one from part to part
     * @throws InputException if a number is out of range
     */
    public static Codes product(TrainingRun run, Vectors x, int parts, KMeansOptions options) {
        requireEntries(x.requireFinite(), options);
        if (parts < 1 || parts > x.length()) {
            throw InputException.of(
                    "rows of " + x.length(), "cannot be cut into " + parts + " parts", "ask for 1 to " + x.length());
        }
        int count = parts(x.length(), parts);
        int width = Math.ceilDiv(x.length(), count);
        Codes codes = Codes.room(run.memory(), x.count(), count, options.codes(), width);
        double error = 0;
        for (int part = 0; part < count; part++) {
            try (Arena scratch = Arena.ofShared()) {
                Vectors columns = x.columns(scratch, part * width, width);
                Clusters clusters =
                        KMeans.trainOnRows(run.part(scratch), columns, options.withSeed(options.seed() + part));
                codes.put(part, clusters);
                codes.addErrors(clusters);
                error += clusters.error();
                run.progress().advance("part " + part, columns.data().byteSize());
            }
        }
        return codes.withError(error);
    }

    /**
     * Trains codebooks one after another, each on what those before leave of the rows.
     *
     * @param levels L, 1 to {@link #MOST_LEVELS}
     */
    public static Codes residual(TrainingRun run, Vectors x, int levels, KMeansOptions options) {
        requireEntries(x.requireFinite(), options);
        if (levels < 1 || levels > MOST_LEVELS) {
            throw InputException.of(
                    "residual codebooks", "cannot be " + levels + " levels", "ask for 1 to " + MOST_LEVELS);
        }
        Codes codes = Codes.room(run.memory(), x.count(), levels, options.codes(), x.length());
        double error = 0;
        try (Arena rest = Arena.ofShared()) {
            Vectors left = Vectors.zeros(rest, x.count(), x.length());
            left.data().copyFrom(x.data());
            for (int level = 0; level < levels; level++) {
                Arrays.fill(codes.errors(), 0);
                try (Arena scratch = Arena.ofShared()) {
                    Clusters clusters =
                            KMeans.trainOnRows(run.part(scratch), left, options.withSeed(options.seed() + level));
                    codes.put(level, clusters);
                    codes.addErrors(clusters);
                    error = clusters.error();
                    subtract(run, left, clusters);
                    run.progress().advance("level " + level, left.data().byteSize());
                }
            }
        }
        return codes.withError(error);
    }

    private static void subtract(TrainingRun run, Vectors left, Clusters clusters) {
        run.forRows(left.count(), 256, (first, end) -> {
            float[] row = new float[left.length()];
            float[] centroid = new float[left.length()];
            for (long r = first; r < end; r++) {
                left.load(r, row);
                clusters.centroids().load(clusters.id((int) r), centroid);
                for (int d = 0; d < row.length; d++) {
                    row[d] -= centroid[d];
                }
                left.store(r, row);
            }
        });
    }

    private static void requireEntries(Vectors x, KMeansOptions options) {
        if (options.codes() > MOST_ENTRIES) {
            throw InputException.of(
                    "a codebook",
                    "cannot have " + options.codes() + " entries",
                    "ask for " + MOST_ENTRIES + " at most");
        }
        if (options.codes() >= x.count()) {
            throw InputException.of(
                    x.count() + " rows",
                    "are no more than the " + options.codes() + " entries of a codebook",
                    "ask for fewer codes than rows");
        }
    }

    /**
     * Rows as codes.
     *
     * @param codebooks float32 [S, C, W]
     * @param codes bytes [V, S]
     * @param parts S
     * @param entries C
     * @param width W
     * @param error the sum of squared differences from the rows
     * @param errors each row's
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Codes(
            MemorySegment codebooks,
            MemorySegment codes,
            int parts,
            int entries,
            int width,
            double error,
            double[] errors) {
        static Codes room(Arena memory, int rows, int parts, int entries, int width) {
            return new Codes(
                    memory.allocate(4L * parts * entries * width, 64),
                    memory.allocate((long) rows * parts, 64),
                    parts,
                    entries,
                    width,
                    0,
                    new double[rows]);
        }

        private void put(int part, Clusters clusters) {
            long bytes = 4L * entries * width;
            codebooks.asSlice(part * bytes, bytes).copyFrom(clusters.centroids().data());
            for (long row = 0; row < codes.byteSize() / parts; row++) {
                codes.set(ValueLayout.JAVA_BYTE, row * parts + part, (byte) clusters.id((int) row));
            }
        }

        private void addErrors(Clusters clusters) {
            for (int row = 0; row < errors.length; row++) {
                errors[row] += clusters.nearest().distance(row);
            }
        }

        Codes withError(double sum) {
            return new Codes(codebooks, codes, parts, entries, width, sum, errors);
        }
    }
}
