package dev.gust.quantization.lowrank;

import dev.ludovic.netlib.lapack.LAPACK;
import dev.ludovic.netlib.lapack.NativeLAPACK;
import java.lang.foreign.Arena;
import java.lang.foreign.SymbolLookup;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.netlib.util.intW;

/**
 * Factorizations by LAPACK where the system's is OpenBLAS. LAPACK counts columns first, so it sees the transposes of
 * row-major matrices.
 */
final class OpenBlasAlgebra implements DenseAlgebra {
    /** The property by which netlib's users name another library than the system's. */
    private static final String LIBRARY_PROPERTY = "dev.ludovic.netlib.lapack.nativeLib";

    /** Held, since a logger that nobody holds forgets its level. netlib names its choice at INFO, on stderr. */
    private static final Logger NETLIB_LOG = Logger.getLogger("dev.ludovic.netlib");

    private final LAPACK lapack;

    private OpenBlasAlgebra(LAPACK lapack) {
        this.lapack = lapack;
    }

    /** Loads it once, when it is first asked for. */
    private static final class Loaded {
        static final Optional<DenseAlgebra> ALGEBRA = load();

        private static Optional<DenseAlgebra> load() {
            if (!isOpenBlas(System.getProperty(LIBRARY_PROPERTY, "liblapack.so.3"))) {
                return Optional.empty();
            }
            NETLIB_LOG.setLevel(Level.WARNING);
            try {
                return Optional.of(new OpenBlasAlgebra(NativeLAPACK.getInstance()));
            } catch (RuntimeException | LinkageError e) {
                return Optional.empty();
            }
        }

        /**
         * Looked at before netlib loads it: netlib writes to stderr where there is none, and the reference LAPACK is no
         * faster than EJML.
         */
        private static boolean isOpenBlas(String library) {
            try (Arena arena = Arena.ofConfined()) {
                SymbolLookup symbols = SymbolLookup.libraryLookup(library, arena);
                return symbols.find("openblas_get_config").isPresent();
            } catch (IllegalArgumentException e) {
                return false; // there is no such library
            }
        }
    }

    /** OpenBLAS, if it is there. */
    static Optional<DenseAlgebra> find() {
        return Loaded.ALGEBRA;
    }

    @Override
    public String name() {
        return "OpenBLAS";
    }

    @Override
    public Svd squareSvd(Matrix square) {
        int n = square.rows();
        double[] s = new double[n];
        Matrix u = Matrix.zeros(n, n);
        Matrix vt = Matrix.zeros(n, n);
        gesdd("S", square, s, vt, u);
        return new Svd(u, s, vt, name());
    }

    @Override
    public double[] squareSingularValues(Matrix square) {
        double[] s = new double[square.rows()];
        Matrix none = Matrix.zeros(1, 1);
        gesdd("N", square, s, none, none);
        return s;
    }

    /** Of the transpose: its left singular vectors are our right ones. */
    private void gesdd(String what, Matrix square, double[] s, Matrix vt, Matrix u) {
        int n = square.rows();
        double[] a = square.values().clone();
        int[] integers = new int[8 * n];
        double[] size = new double[1];
        var info = new intW(0);
        lapack.dgesdd(what, n, n, a, n, s, vt.values(), vt.rows(), u.values(), u.rows(), size, -1, integers, info);
        double[] work = new double[Math.max(1, (int) size[0])];
        lapack.dgesdd(
                what, n, n, a, n, s, vt.values(), vt.rows(), u.values(), u.rows(), work, work.length, integers, info);
        check("dgesdd", info);
    }

    @Override
    public Matrix orthonormalRows(Matrix wide) {
        int m = wide.columns();
        int n = wide.rows();
        double[] q = wide.values().clone();
        double[] tau = new double[n];
        double[] work = new double[n * 64]; // 64 columns at a time, as LAPACK's tuning has it
        var info = new intW(0);
        lapack.dgeqrf(m, n, q, m, tau, work, work.length, info);
        check("dgeqrf", info);
        lapack.dorgqr(m, n, n, q, m, tau, work, work.length, info);
        check("dorgqr", info);
        return new Matrix(n, m, q);
    }

    @Override
    public Optional<Matrix> cholesky(Matrix symmetric) {
        int n = symmetric.rows();
        double[] l = symmetric.values().clone();
        var info = new intW(0);
        lapack.dpotrf("U", n, l, n, info); // the upper triangle of the transpose
        if (info.val > 0) {
            return Optional.empty();
        }
        check("dpotrf", info);
        for (int i = 0; i < n; i++) {
            java.util.Arrays.fill(l, i * n + i + 1, (i + 1) * n, 0);
        }
        return Optional.of(new Matrix(n, n, l));
    }

    private static void check(String routine, intW info) {
        if (info.val != 0) {
            throw new IllegalStateException("OpenBLAS's " + routine + " failed: " + info.val);
        }
    }
}
