package dev.gust.quantization.lowrank;

import java.util.Arrays;
import java.util.Optional;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.interfaces.decomposition.CholeskyDecomposition_F64;
import org.ejml.interfaces.decomposition.QRDecomposition;
import org.ejml.interfaces.decomposition.SingularValueDecomposition_F64;

/**
 * Factorizations by EJML, in plain Java. What is called here has the same signature in EJML 0.38, which a TornadoVM SDK
 * puts before ours.
 */
public final class EjmlAlgebra implements DenseAlgebra {
    @Override
    public String name() {
        return "EJML";
    }

    @Override
    public Svd squareSvd(Matrix matrix) {
        SingularValueDecomposition_F64<DMatrixRMaj> svd =
                DecompositionFactory_DDRM.svd(matrix.rows(), matrix.columns(), true, true, true);
        decompose(svd, matrix);
        DMatrixRMaj u = svd.getU(null, false);
        DMatrixRMaj vt = svd.getV(null, true);
        double[] s = Arrays.copyOf(svd.getSingularValues(), svd.numberOfSingularValues());
        SingularOps_DDRM.descendingOrder(u, false, s, s.length, vt, true);
        return new Svd(
                new Matrix(u.numRows, u.numCols, Arrays.copyOf(u.data, u.getNumElements())),
                s,
                new Matrix(vt.numRows, vt.numCols, Arrays.copyOf(vt.data, vt.getNumElements())),
                name());
    }

    @Override
    public double[] squareSingularValues(Matrix matrix) {
        SingularValueDecomposition_F64<DMatrixRMaj> svd =
                DecompositionFactory_DDRM.svd(matrix.rows(), matrix.columns(), false, false, true);
        decompose(svd, matrix);
        double[] s = Arrays.copyOf(svd.getSingularValues(), svd.numberOfSingularValues());
        Arrays.sort(s);
        for (int i = 0; i < s.length / 2; i++) {
            double small = s[i];
            s[i] = s[s.length - 1 - i];
            s[s.length - 1 - i] = small;
        }
        return s;
    }

    private static void decompose(SingularValueDecomposition_F64<DMatrixRMaj> svd, Matrix matrix) {
        if (!svd.decompose(copy(matrix))) {
            throw new IllegalStateException(
                    "EJML's SVD of [" + matrix.rows() + ", " + matrix.columns() + "] does not converge");
        }
    }

    /** Decompositions work in the matrix that they are given. */
    private static DMatrixRMaj copy(Matrix matrix) {
        return DMatrixRMaj.wrap(matrix.rows(), matrix.columns(), matrix.values().clone());
    }

    @Override
    public Matrix orthonormalRows(Matrix wide) {
        QRDecomposition<DMatrixRMaj> qr = DecompositionFactory_DDRM.qr(wide.columns(), wide.rows());
        qr.decompose(wide.transposed().wrapped());
        DMatrixRMaj q = qr.getQ(null, true);
        return new Matrix(q.numRows, q.numCols, Arrays.copyOf(q.data, q.getNumElements())).transposed();
    }

    @Override
    public Optional<Matrix> cholesky(Matrix symmetric) {
        CholeskyDecomposition_F64<DMatrixRMaj> cholesky = DecompositionFactory_DDRM.chol(symmetric.rows(), true);
        if (!cholesky.decompose(copy(symmetric))) {
            return Optional.empty();
        }
        DMatrixRMaj lower = cholesky.getT(null);
        return Optional.of(new Matrix(lower.numRows, lower.numCols, Arrays.copyOf(lower.data, lower.getNumElements())));
    }
}
