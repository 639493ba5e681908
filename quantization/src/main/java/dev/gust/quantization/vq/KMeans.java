package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import dev.gust.runtime.codebook.AssignPlan;
import java.lang.foreign.Arena;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * k-means by Lloyd's passes, or by minibatches (Sculley 2010: a centroid moves towards a row by one part in as many rows as
 * it has had). First centroids as in {@link Seeding}; empty clusters as in {@link EmptyClusters}, after each pass.
 *
 * <p>Of more rows than the options' sample only a random part trains; all are assigned in the end. Rows of zeros have no
 * direction: with spherical clusters they are never drawn as centroids, move none, and go to cluster 0.
 */
public final class KMeans {
    /** Passes with clusters of equal size, which follow the others. */
    private static final int BALANCED_PASSES = 3;

    private final TrainingRun run;
    private final KMeansOptions options;
    private final Vectors x;
    private final BitSet excluded;
    private final SplittableRandom random;
    private int iterations;
    private int repaired;

    private KMeans(TrainingRun run, KMeansOptions options, Vectors x, BitSet excluded) {
        this.run = run;
        this.options = options;
        this.x = x;
        this.excluded = excluded;
        this.random = new SplittableRandom(options.seed());
    }

    /**
     * Trains.
     *
     * @param x finite rows, at least one
     * @return clusters of all rows, in the run's memory
     * @throws InputException if there are no more rows than clusters, or spherical clusters are asked of rows of zeros, or
     *     something is not finite
     */
    public static Clusters train(TrainingRun run, Vectors x, KMeansOptions options) {
        if (options.codes() >= x.count()) {
            throw InputException.of(
                    x.count() + " rows",
                    "cannot form " + options.codes() + " clusters of fewer rows each than there are",
                    "ask for fewer codes than rows");
        }
        return trainOnRows(run, x.requireFinite(), options);
    }

    /** As {@link #train}, but with as many clusters as there are rows, or more: some stay empty. */
    static Clusters trainOnRows(TrainingRun run, Vectors x, KMeansOptions options) {
        try (Arena scratch = Arena.ofShared()) {
            Vectors rows = x;
            var zeros = new BitSet();
            if (options.spherical()) {
                UnitRows units = UnitRows.of(scratch, x);
                rows = units.rows();
                zeros = units.zeros();
                if (zeros.cardinality() == x.count()) {
                    throw InputException.of(
                            x.count() + " rows", "are all zero and have no direction", "cluster them by distance");
                }
            }
            return new KMeans(run, options, rows, zeros).clusters();
        }
    }

    private Clusters clusters() {
        try (Arena scratch = Arena.ofShared()) {
            int sample = options.sampleOf(x.count());
            var training = run.with(scratch);
            boolean part = sample < x.count() || options.batch() > 0; // batches follow one another in random order
            int[] chosen = part ? Sample.of(x.count(), sample, options.batch() > 0, random) : new int[0];
            Vectors rows = part ? x.pick(scratch, chosen) : x;
            var left = new BitSet();
            for (int i = 0; i < rows.count(); i++) {
                left.set(i, excluded.get(part ? chosen[i] : i));
            }
            Vectors trained;
            try (AssignPlan plan = training.search(rows, options.codes())) {
                trained = Seeding.draw(training, rows, plan, options.codes(), left, random);
                if (options.batch() > 0) {
                    batches(rows, plan, trained);
                } else {
                    passes(rows, left, plan, trained);
                }
            }
            Vectors centroids = Vectors.zeros(run.memory(), options.codes(), x.length());
            centroids.data().copyFrom(trained.data());
            return finish(centroids);
        }
    }

    private Clusters finish(Vectors centroids) {
        TrainingRun.Nearest nearest;
        if (options.balanced()) {
            var means = new ClusterMeans(run, x, options.spherical());
            for (int pass = 0; pass < BALANCED_PASSES; pass++) {
                try (Arena scratch = Arena.ofShared()) {
                    means.update(BalancedAssignment.of(run.with(scratch), x, centroids), centroids);
                }
            }
            nearest = BalancedAssignment.of(run, x, centroids);
        } else {
            nearest = run.nearest(x, centroids);
            settle(nearest, excluded);
        }
        return new Clusters(centroids, nearest.ids(), nearest.distances(), iterations, repaired);
    }

    /** Rows of zeros are as far from one direction as from any other, but for rounding; they do not count in the error. */
    private static void settle(TrainingRun.Nearest nearest, BitSet zeros) {
        zeros.stream().forEach(row -> nearest.set(row, 0, 0));
    }

    private void passes(Vectors rows, BitSet left, AssignPlan plan, Vectors centroids) {
        var means = new ClusterMeans(run, rows, options.spherical());
        try (Arena scratch = Arena.ofShared()) {
            TrainingRun.Nearest nearest = TrainingRun.Nearest.room(scratch, rows.count());
            double before = Double.POSITIVE_INFINITY;
            boolean moves = true;
            while (moves && iterations < options.iterations()) {
                run.proceed();
                nearest.fill(plan, 0, centroids);
                settle(nearest, left);
                double error = nearest.error();
                int given = EmptyClusters.repair(nearest, options.codes());
                repaired += given;
                means.update(nearest, centroids);
                iterations++;
                run.progress().advance("pass " + iterations, rows.data().byteSize());
                moves = given > 0 || before - error > options.tolerance() * before || Double.isInfinite(before);
                before = error;
            }
        }
    }

    private void batches(Vectors rows, AssignPlan plan, Vectors centroids) {
        long[] counts = new long[options.codes()];
        float[] centroid = new float[x.length()];
        float[] row = new float[x.length()];
        for (; iterations < options.iterations(); iterations++) {
            for (int first = 0; first < rows.count(); first += options.batch()) {
                run.proceed();
                try (Arena scratch = Arena.ofShared()) {
                    int size = Math.min(options.batch(), rows.count() - first);
                    TrainingRun.Nearest nearest = TrainingRun.Nearest.room(scratch, size);
                    nearest.fill(plan, first, centroids);
                    boolean last = first + size == rows.count();
                    repaired += last && iterations == 0 ? EmptyClusters.repair(nearest, options.codes()) : 0;
                    for (int i = 0; i < size; i++) {
                        int id = nearest.id(i);
                        counts[id]++;
                        centroids.load(id, centroid);
                        rows.load(first + i, row);
                        for (int d = 0; d < row.length; d++) {
                            centroid[d] += (row[d] - centroid[d]) / counts[id];
                        }
                        centroids.store(id, centroid);
                    }
                }
            }
            if (options.spherical()) {
                try (Arena scratch = Arena.ofShared()) {
                    centroids
                            .data()
                            .copyFrom(UnitRows.of(scratch, centroids).rows().data());
                }
            }
        }
    }
}
