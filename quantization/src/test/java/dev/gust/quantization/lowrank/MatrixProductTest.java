package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Products in tiles and orthonormal rows by products, at sizes that no tile divides. */
class MatrixProductTest {
    @ParameterizedTest
    @CsvSource({"1,1,1", "4,16,16", "5,7,17", "3,193,33", "9,400,1", "144,144,70", "2,0,3", "0,3,2"})
    void agreesWithTheSumOfProducts(int rows, int inner, int columns) {
        Matrix a = Spectra.gaussian(1, rows, inner);
        Matrix b = Spectra.gaussian(2, inner, columns);
        assertClose(a.times(b), Spectra.product(a, b));
    }

    @ParameterizedTest
    @CsvSource({"1,1", "5,9", "17,200", "66,3", "70,391"})
    void gramIsTheProductWithTheTranspose(int rows, int columns) {
        Matrix a = Spectra.gaussian(3, rows, columns);
        Matrix gram = MatrixProduct.gram(a);
        assertClose(gram, Spectra.product(a, Spectra.transposed(a)));
        assertThat(gram.transposed().values()).containsExactly(gram.values());
    }

    @ParameterizedTest
    @CsvSource({"1,1", "5,9", "18,40", "195,20", "390,17"})
    void triangularFactorsSkipZerosOnly(int n, int columns) {
        Matrix lower = Spectra.gaussian(4, n, n);
        for (int i = 0; i < n; i++) {
            java.util.Arrays.fill(lower.values(), i * n + i + 1, (i + 1) * n, 0);
        }
        Matrix b = Spectra.gaussian(5, n, columns);
        assertClose(MatrixProduct.ofLower(lower, b), Spectra.product(lower, b));
    }

    private static void assertClose(Matrix product, Matrix expected) {
        assertThat(List.of(product.rows(), product.columns())).isEqualTo(List.of(expected.rows(), expected.columns()));
        assertThat(Spectra.norm(Spectra.minus(product, expected))).isLessThanOrEqualTo(1e-14 * Spectra.norm(expected));
    }

    @Test
    void orthonormalRowsSpanWhatTheRowsDo() {
        for (int[] shape : new int[][] {{1, 1}, {1, 40}, {33, 33}, {47, 301}}) {
            Matrix wide = Spectra.gaussian(6, shape[0], shape[1]);
            Matrix q = OrthonormalRows.of(new EjmlAlgebra(), wide);
            Spectra.assertOrthonormalRows(q, 1e-10);
            Matrix projected = Spectra.product(Spectra.product(wide, Spectra.transposed(q)), q);
            assertThat(Spectra.norm(Spectra.minus(wide, projected))).isLessThan(1e-10 * Spectra.norm(wide));
        }
    }

    /** Rows that depend on one another, nearly do, or are zeros: the square of their condition would leave no digit. */
    @Test
    void rowsThatAreNearlyDependentAreMadeOrthonormalAllTheSame() {
        for (double size : new double[] {0, 1e-13, 1e-9, 1e-5}) {
            Matrix wide = Spectra.gaussian(7, 20, 90);
            Matrix noise = Spectra.gaussian(8, 1, 90);
            for (int c = 0; c < 90; c++) {
                wide.values()[19 * 90 + c] = wide.at(3, c) + size * noise.at(0, c);
            }
            for (DenseAlgebra algebra : List.of(new EjmlAlgebra(), DenseAlgebra.best())) {
                Spectra.assertOrthonormalRows(OrthonormalRows.of(algebra, wide), 1e-10);
            }
        }
        Spectra.assertOrthonormalRows(OrthonormalRows.of(new EjmlAlgebra(), Matrix.zeros(3, 8)), 1e-10);
    }

    @Test
    void largeMatricesAreTransposedInSquares() {
        try (Arena memory = Arena.ofConfined()) {
            for (int[] shape : new int[][] {{1, 1}, {1, 130}, {64, 64}, {65, 191}}) {
                Matrix a = Spectra.gaussian(9, shape[0], shape[1]);
                FloatMatrix floats = Spectra.floats(a, memory);
                assertThat(floats.transposed(memory).small().values())
                        .containsExactly(Spectra.transposed(floats.small()).values());
            }
        }
    }
}
