package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;

/**
 * The best approximation X ≈ A · B of a rank: B holds the leading eigenvectors of XᵀX, which are the right singular vectors of
 * X, and A = X · Bᵀ. D is small beside V, so that the D × D problem is cheap; squaring costs singular values below 10⁻⁸ of the
 * largest, which no screen needs.
 *
 * @param a [V, r]
 * @param b [r, D], orthonormal rows
 * @param error the sum of squared differences from the rows
 */
public record LowRankRows(Vectors a, Vectors b, double error) {
    /**
     * Decomposes.
     *
     * @param x finite rows
     * @param rank r, 1 to D
     * @throws InputException if the rank is out of range
     */
    public static LowRankRows of(TrainingRun run, Vectors x, int rank) {
        if (rank < 1 || rank > x.length()) {
            throw InputException.of(
                    "rows of " + x.length(), "have no part of rank " + rank, "ask for 1 to " + x.length());
        }
        int length = x.requireFinite().length();
        DMatrixRMaj gram = gram(run, x);
        double whole =
                IntStream.range(0, length).mapToDouble(i -> gram.get(i, i)).sum();
        EigenDecomposition_F64<DMatrixRMaj> eigen = DecompositionFactory_DDRM.eig(length, true, true);
        if (!eigen.decompose(gram)) {
            throw InputException.of("the matrix", "has no eigenvalue decomposition", "choose another method");
        }
        int[] order = IntStream.range(0, length)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -eigen.getEigenvalue(i).getReal()))
                .mapToInt(i -> i)
                .limit(rank)
                .toArray();
        Vectors b = Vectors.zeros(run.memory(), rank, length);
        float[] row = new float[length];
        double kept = 0;
        for (int i = 0; i < rank; i++) {
            DMatrixRMaj vector = eigen.getEigenVector(order[i]);
            kept += Math.max(0, eigen.getEigenvalue(order[i]).getReal());
            for (int d = 0; d < length; d++) {
                row[d] = (float) vector.get(d);
            }
            b.store(i, row);
        }
        return new LowRankRows(project(run, x, b), b, Math.max(0, whole - kept));
    }

    /** XᵀX, a few of its rows to a piece of work. */
    private static DMatrixRMaj gram(TrainingRun run, Vectors x) {
        int length = x.length();
        var gram = new DMatrixRMaj(length, length);
        run.forRows(length, 16, (first, end) -> {
            float[] row = new float[length];
            for (int r = 0; r < x.count(); r++) {
                x.load(r, row);
                for (int i = (int) first; i < end; i++) {
                    double value = row[i];
                    int at = i * length;
                    for (int j = 0; j < length; j++) {
                        gram.data[at + j] += value * row[j];
                    }
                }
            }
        });
        return gram;
    }

    /** X · Bᵀ. */
    private static Vectors project(TrainingRun run, Vectors x, Vectors b) {
        Vectors a = Vectors.zeros(run.memory(), x.count(), b.count());
        float[] table = new float[b.count() * b.length()];
        float[] direction = new float[b.length()];
        for (int i = 0; i < b.count(); i++) {
            b.load(i, direction);
            for (int d = 0; d < b.length(); d++) {
                table[d * b.count() + i] = direction[d];
            }
        }
        run.forRows(x.count(), 64, (first, end) -> {
            float[] row = new float[x.length()];
            float[] sums = new float[b.count()];
            for (long r = first; r < end; r++) {
                x.load(r, row);
                Arrays.fill(sums, 0);
                for (int d = 0; d < row.length; d++) {
                    float value = row[d];
                    int at = d * sums.length;
                    for (int i = 0; i < sums.length; i++) {
                        sums[i] += value * table[at + i];
                    }
                }
                a.store(r, sums);
            }
        });
        return a;
    }
}
