package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import dev.gust.runtime.codebook.AssignPlan;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.LinearSolverFactory_DDRM;
import org.ejml.interfaces.linsol.LinearSolverDense;

/**
 * SimVQ (arXiv 2411.02038): a codebook C that is drawn from N(0, 1/D) and frozen, times a linear map W that is learned. Instead
 * of the paper's gradient steps, W is solved for in closed form between two searches, which minimizes the same reconstruction
 * error for the rows' codes:
 *
 * <pre>
 * (Σ_v c c' + λ I) W = Σ_v c x'      c = C[id_v], λ = 10⁻⁶ of the mean of the left side's diagonal
 * </pre>
 *
 * <p>λ decides where fewer than D entries are in use. W begins as the map that gives the entries the rows' covariance on
 * average: the identity times the root of D times the mean square. All entries move with W, so few stay unused, which is the paper's
 * point; those that do are left as they are.
 *
 * @param clusters the clusters with the codebook C · W
 * @param map W [D, D]
 */
public record SimVq(Clusters clusters, Vectors map) {
    private static final double RIDGE = 1e-6;

    /**
     * Trains.
     *
     * @param x finite rows
     * @param options codes, iterations, tolerance and seed count; there are no minibatches
     * @throws InputException if there are no more rows than codes
     */
    public static SimVq train(TrainingRun run, Vectors x, KMeansOptions options) {
        int codes = options.codes();
        if (codes >= x.count()) {
            throw InputException.of(
                    x.count() + " rows", "are no more than the " + codes + " entries", "ask for fewer codes than rows");
        }
        int length = x.requireFinite().length();
        Vectors frozen = Vectors.zeros(run.memory(), codes, length);
        var random = new SplittableRandom(options.seed());
        for (int i = 0; i < codes * length; i++) {
            frozen.data().setAtIndex(Vectors.F32, i, (float) (random.nextGaussian() / Math.sqrt(length)));
        }
        var map = new DMatrixRMaj(length, length);
        CommonOps_DDRM.setIdentity(map);
        CommonOps_DDRM.scale(Math.sqrt(meanSquare(x) * length), map);
        Vectors entries = product(frozen, map, Vectors.zeros(run.memory(), codes, length));
        TrainingRun.Nearest nearest = TrainingRun.Nearest.room(run.memory(), x.count());
        int iterations = 0;
        try (AssignPlan plan = run.search(x, codes)) {
            double before = Double.POSITIVE_INFINITY;
            boolean moves = true;
            while (moves && iterations < options.iterations()) {
                run.proceed();
                nearest.fill(plan, 0, entries);
                double error = nearest.error();
                solve(frozen, x, nearest, map);
                product(frozen, map, entries);
                iterations++;
                run.progress().advance("pass " + iterations, x.data().byteSize());
                moves = Double.isInfinite(before) || before - error > options.tolerance() * before;
                before = error;
            }
            nearest.fill(plan, 0, entries);
        }
        Vectors stored = Vectors.zeros(run.memory(), length, length);
        for (int i = 0; i < length * length; i++) {
            stored.data().setAtIndex(Vectors.F32, i, (float) map.get(i));
        }
        return new SimVq(new Clusters(entries, nearest.ids(), nearest.distances(), iterations, 0), stored);
    }

    private static double meanSquare(Vectors x) {
        float[] row = new float[x.length()];
        double sum = 0;
        for (int r = 0; r < x.count(); r++) {
            x.load(r, row);
            sum += Vectors.squares(row);
        }
        return sum / x.count() / x.length();
    }

    private static void solve(Vectors frozen, Vectors x, TrainingRun.Nearest nearest, DMatrixRMaj map) {
        int length = x.length();
        var sums = new DMatrixRMaj(frozen.count(), length);
        int[] sizes = nearest.sizes(frozen.count());
        float[] row = new float[length];
        for (int r = 0; r < x.count(); r++) {
            x.load(r, row);
            int at = nearest.id(r) * length;
            for (int d = 0; d < length; d++) {
                sums.data[at + d] += row[d];
            }
        }
        var entries = new DMatrixRMaj(frozen.count(), length);
        var weighted = new DMatrixRMaj(frozen.count(), length);
        for (int code = 0; code < frozen.count(); code++) {
            frozen.load(code, row);
            for (int d = 0; d < length; d++) {
                entries.set(code, d, row[d]);
                weighted.set(code, d, (double) row[d] * sizes[code]);
            }
        }
        var left = new DMatrixRMaj(length, length);
        var right = new DMatrixRMaj(length, length);
        CommonOps_DDRM.multTransA(entries, weighted, left);
        CommonOps_DDRM.multTransA(entries, sums, right);
        double ridge = RIDGE * CommonOps_DDRM.trace(left) / length;
        for (int d = 0; d < length; d++) {
            left.add(d, d, ridge);
        }
        LinearSolverDense<DMatrixRMaj> solver = LinearSolverFactory_DDRM.symmPosDef(length);
        if (!solver.setA(left)) {
            throw InputException.of("the codebook", "has no solvable normal equations", "ask for more codes");
        }
        solver.solve(right, map);
    }

    private static Vectors product(Vectors frozen, DMatrixRMaj map, Vectors entries) {
        int length = frozen.length();
        float[] row = new float[length];
        double[] sums = new double[length];
        for (int code = 0; code < frozen.count(); code++) {
            frozen.load(code, row);
            Arrays.fill(sums, 0);
            for (int i = 0; i < length; i++) {
                for (int d = 0; d < length; d++) {
                    sums[d] += row[i] * map.data[i * length + d];
                }
            }
            for (int d = 0; d < length; d++) {
                row[d] = (float) sums[d];
            }
            entries.store(code, row);
        }
        return entries;
    }
}
