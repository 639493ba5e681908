package dev.gust.quantization.vq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.SingularOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Product, residual and 4-bit codes, low rank and SimVQ: what they say of their error, and what they refuse. */
class CodesTest {
    private final JvmDevice host = new JvmDevice();
    private final Arena arena = Arena.ofShared();
    private final TrainingRun run = TrainingRun.on(host, arena);

    @AfterEach
    void close() {
        host.close();
        arena.close();
    }

    @Test
    void partsThatWouldBeEmptyAreLeftOut() {
        assertThat(ProductQuantizer.parts(10, 4)).isEqualTo(4);
        assertThat(ProductQuantizer.parts(10, 6)).isEqualTo(5);
        assertThat(ProductQuantizer.parts(100, 33)).isEqualTo(25);
        assertThat(ProductQuantizer.parts(100, 34)).isEqualTo(34);
        assertThat(ProductQuantizer.parts(1, 1)).isEqualTo(1);
    }

    @Test
    void productCodesReconstructWithTheErrorThatTheySay() {
        Vectors x = Points.gaussian(arena, 400, 10, 3);
        ProductQuantizer.Codes codes = ProductQuantizer.product(run, x, 4, KMeansOptions.of(16, 1));
        assertThat(codes.parts()).isEqualTo(4);
        assertThat(codes.width()).isEqualTo(3);
        double error = 0;
        for (int r = 0; r < 400; r++) {
            for (int d = 0; d < 12; d++) {
                double value = d < 10 ? Points.at(x, r, d) : 0;
                error += Math.pow(value - entry(codes, r, d / 3, d % 3), 2);
            }
        }
        assertThat(codes.error()).isCloseTo(error, within(1e-4 * error));
        // 4 bits for 3 columns of a Gaussian: a sixth of the variance would be a good quantizer's share, half a bad
        // one's.
        assertThat(error).isLessThan(0.5 * 400 * 10);
        for (int code = 0; code < 16; code++) {
            for (int d = 1; d < 3; d++) {
                assertThat(codes.codebooks().getAtIndex(Vectors.F32, (3 * 16 + code) * 3 + d))
                        .isZero();
            }
        }
    }

    @Test
    void residualCodesGetCloserWithEveryLevel() {
        Vectors x = Points.gaussian(arena, 300, 6, 4);
        double before = Double.POSITIVE_INFINITY;
        for (int levels = 1; levels <= 3; levels++) {
            ProductQuantizer.Codes codes = ProductQuantizer.residual(run, x, levels, KMeansOptions.of(16, 1));
            double error = 0;
            for (int r = 0; r < 300; r++) {
                for (int d = 0; d < 6; d++) {
                    double sum = 0;
                    for (int level = 0; level < levels; level++) {
                        sum += entry(codes, r, level, d);
                    }
                    error += Math.pow(Points.at(x, r, d) - sum, 2);
                }
            }
            assertThat(codes.error()).isCloseTo(error, within(1e-4 * error));
            assertThat(error).isLessThan(0.8 * before);
            before = error;
        }
    }

    private static float entry(ProductQuantizer.Codes codes, int row, int part, int column) {
        int code = codes.codes().get(ValueLayout.JAVA_BYTE, (long) row * codes.parts() + part) & 0xFF;
        return codes.codebooks()
                .getAtIndex(Vectors.F32, ((long) part * codes.entries() + code) * codes.width() + column);
    }

    @Test
    void nibblesReconstructWithTheErrorThatTheySay() {
        Vectors x = Points.gaussian(arena, 50, 33, 5);
        x.rows(7, 1).data().fill((byte) 0);
        NibbleRows rows = NibbleRows.of(run, x);
        assertThat(rows.codes().byteSize()).isEqualTo(50 * 32);
        assertThat(rows.scales().byteSize()).isEqualTo(50 * 2 * 2);
        double error = 0;
        for (int r = 0; r < 50; r++) {
            for (int d = 0; d < 64; d++) {
                int pair = rows.codes().get(ValueLayout.JAVA_BYTE, r * 32 + d / 2) & 0xFF;
                int code = (d % 2 == 0 ? pair & 15 : pair >> 4) - 8;
                double scale = Float.float16ToFloat(
                        rows.scales().getAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, r * 2 + d / 32));
                double value = d < 33 ? Points.at(x, r, d) : 0;
                assertThat(Math.abs(value - scale * code)).isLessThanOrEqualTo(1.01 * Math.max(scale / 2, scale));
                error += Math.pow(value - scale * code, 2);
            }
        }
        assertThat(rows.error()).isCloseTo(error, within(1e-9 * error));
        assertThat(error).isLessThan(0.02 * 50 * 33);
        assertThatThrownBy(() -> NibbleRows.of(run, Points.of(arena, 1, 1, 1e6f)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("row 1");
    }

    @Test
    void lowRankLosesTheTailOfTheSingularValues() {
        Vectors x = Points.gaussian(arena, 60, 9, 6);
        var matrix = new DMatrixRMaj(60, 9);
        for (int i = 0; i < 60 * 9; i++) {
            matrix.set(i, x.data().getAtIndex(Vectors.F32, i));
        }
        var svd = DecompositionFactory_DDRM.svd(60, 9, false, false, true);
        assertThat(svd.decompose(matrix.copy())).isTrue();
        double[] values = svd.getSingularValues();
        SingularOps_DDRM.descendingOrder(null, false, values, 9, null, false);
        for (int rank : new int[] {1, 4, 9}) {
            LowRankRows rows = LowRankRows.of(run, x, rank);
            double tail = 0;
            for (int i = rank; i < 9; i++) {
                tail += values[i] * values[i];
            }
            double error = 0;
            for (int r = 0; r < 60; r++) {
                for (int d = 0; d < 9; d++) {
                    double sum = 0;
                    for (int i = 0; i < rank; i++) {
                        sum += (double) Points.at(rows.a(), r, i) * Points.at(rows.b(), i, d);
                    }
                    error += Math.pow(Points.at(x, r, d) - sum, 2);
                }
            }
            assertThat(error).isCloseTo(tail, within(1e-4 * tail + 1e-8));
            assertThat(rows.error()).isCloseTo(tail, within(1e-6 * tail + 1e-8));
        }
        assertThatThrownBy(() -> LowRankRows.of(run, x, 10)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> LowRankRows.of(run, x, 0)).isInstanceOf(InputException.class);
        LowRankRows none = LowRankRows.of(run, Vectors.zeros(arena, 3, 2), 1);
        assertThat(none.error()).isZero();
    }

    @Test
    void simVqLearnsAMapOfAFrozenCodebook() {
        // Rows in a plane of a space of 8 dimensions: the map has to find it.
        Vectors plane = Points.gaussian(arena, 500, 2, 7);
        Vectors x = Vectors.zeros(arena, 500, 8);
        for (int r = 0; r < 500; r++) {
            x.data().setAtIndex(Vectors.F32, 8L * r + 1, 3 * Points.at(plane, r, 0));
            x.data().setAtIndex(Vectors.F32, 8L * r + 6, Points.at(plane, r, 1));
        }
        var options = KMeansOptions.of(64, 2).withIterations(40);
        SimVq trained = SimVq.train(run, x, options);
        Clusters clusters = trained.clusters();
        double whole = 0;
        for (int r = 0; r < 500; r++) {
            whole += Points.distance(x, r, Vectors.zeros(arena, 1, 8), 0);
        }
        assertThat(clusters.error()).isLessThan(0.1 * whole);
        assertThat(SimVq.train(run, x, options.withIterations(1)).clusters().error())
                .isGreaterThan(clusters.error());
        assertThat(trained.map().count()).isEqualTo(8);
        assertThatThrownBy(() -> SimVq.train(run, x, KMeansOptions.of(500, 1))).isInstanceOf(InputException.class);
    }

    @Test
    void badNumbersAreNamed() {
        Vectors x = Points.gaussian(arena, 300, 4, 1);
        var options = KMeansOptions.of(16, 1);
        assertThatThrownBy(() -> ProductQuantizer.product(run, x, 5, options))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("5 parts");
        assertThatThrownBy(() -> ProductQuantizer.product(run, x, 0, options)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> ProductQuantizer.product(run, x, 2, KMeansOptions.of(257, 1)))
                .isInstanceOf(InputException.class);
        assertThatThrownBy(() -> ProductQuantizer.product(run, x.rows(0, 16), 2, options))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("16 rows");
        assertThatThrownBy(() -> ProductQuantizer.residual(run, x, 0, options)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> ProductQuantizer.residual(run, x, 257, options))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("1 to 256");
    }
}
