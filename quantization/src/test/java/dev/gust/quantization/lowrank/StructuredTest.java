package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

/** R-Sparse's preparation and Monarch's factors. */
class StructuredTest {
    @Test
    void rSparseRanksLeaveTheRestToChannels() {
        // 100·80·0.5 numbers may be read; 20 channels of 80 are 1600 of them, and a rank costs 180.
        assertThat(RSparse.rank(80, 100, 0.5, 20)).isEqualTo((4000 - 1600) / 180);
        assertThat(RSparse.rank(80, 100, 0.5, 50)).isZero();
        assertThat(RSparse.rank(80, 100, 0.9, 60)).isZero();
        assertThat(RSparse.quantile(0.5, 0.9)).isCloseTo(0.55, Offset.offset(1e-12));
    }

    @Test
    void rSparseScalesAreLengthsOfRowsOfVS() {
        Matrix w = Spectra.gaussian(1, 9, 5);
        double[] scales = RSparse.scales(DenseAlgebra.best().svd(w));
        for (int j = 0; j < 5; j++) { // of the whole decomposition: the lengths of W's columns
            double sum = 0;
            for (int i = 0; i < 9; i++) {
                sum += w.at(i, j) * w.at(i, j);
            }
            assertThat(scales[j]).isCloseTo(Math.sqrt(sum), Percentage.withPercentage(1e-6));
        }
    }

    @Test
    void thresholdsPassTheShareAskedFor() {
        Matrix x = Spectra.gaussian(2, 2000, 6);
        double[] scales = {1, 2, 0.5, 3, 0, 1};
        double seen = RSparse.threshold(x, scales, 0.7);
        long below = 0;
        for (int i = 0; i < x.values().length; i++) {
            below += Math.abs(x.values()[i] * scales[i % 6]) <= seen ? 1 : 0;
        }
        assertThat(below / 12000.0).isCloseTo(0.7, Offset.offset(1e-4));
        assertThat(RSparse.threshold(x, scales, 0)).isZero();

        // Inputs that are normal: the Gram matrix tells as much as they do.
        var inputs = new LayerInputs(Optional.of(Spectra.product(Spectra.transposed(x), x)), Optional.empty(), 2000);
        assertThat(RSparse.threshold(inputs, scales, 0.7)).isCloseTo(seen, Percentage.withPercentage(4));
    }

    @Test
    void theNormalCurveIsThatOfTables() {
        assertThat(NormalCurve.within(0)).isZero();
        assertThat(NormalCurve.within(1)).isCloseTo(0.682689492137, Offset.offset(1e-12));
        assertThat(NormalCurve.within(1.959963984540)).isCloseTo(0.95, Offset.offset(1e-12));
        assertThat(NormalCurve.within(5)).isCloseTo(0.999999426697, Offset.offset(1e-12));
        assertThat(NormalCurve.within(100)).isOne();
    }

    @Test
    void rSparsePreparesALayer() {
        try (Arena memory = Arena.ofShared();
                Device jvm = Devices.open(DeviceId.JVM)) {
            Matrix w = Spectra.gaussian(1, 40, 60);
            Matrix x = Spectra.gaussian(2, 60, 300);
            var inputs = new LayerInputs(Optional.of(Spectra.product(x, Spectra.transposed(x))), Optional.empty(), 300);
            var decomposer = new Decomposer(jvm, DenseAlgebra.best(), SvdOptions.DEFAULT, 1);
            RSparse prepared = RSparse.prepare(Spectra.floats(w, memory), 0.5, 0.8, inputs, decomposer);
            assertThat(prepared.factors().rank())
                    .isEqualTo(RSparse.rank(40, 60, 0.5, 24))
                    .isEqualTo(2);
            assertThat(prepared.scales()).hasSize(60);
            assertThat(prepared.threshold()).isPositive();
            assertThatThrownBy(
                            () -> RSparse.prepare(Spectra.floats(w, memory), 0.5, 0.8, LayerInputs.UNKNOWN, decomposer))
                    .isInstanceOf(UsageException.class);
        }
    }

    @Test
    void aMonarchMatrixIsFoundAgain() {
        var monarch = new Monarch(
                Spectra.gaussian(1, 1, 3 * 4 * 2).values(),
                Spectra.gaussian(2, 1, 2 * 3 * 5).values(),
                3,
                2);
        Matrix w = monarch.product(); // [12, 10]
        assertThat(w.rows()).isEqualTo(12);
        assertThat(w.columns()).isEqualTo(10);
        try (Arena memory = Arena.ofShared()) {
            Monarch found = Monarch.project(Spectra.floats(w, memory), 3, 2, DenseAlgebra.best());
            assertThat(found.left()).hasSize(24);
            assertThat(found.right()).hasSize(30);
            assertThat(Spectra.norm(Spectra.minus(w, found.product()))).isLessThan(1e-6 * Spectra.norm(w));
        }
    }

    /** Written from the two block-diagonal products, not from slices. */
    @Test
    void aMonarchMatrixIsTwoBlockDiagonalProducts() {
        var monarch = new Monarch(
                Spectra.gaussian(1, 1, 3 * 4 * 2).values(),
                Spectra.gaussian(2, 1, 2 * 3 * 5).values(),
                3,
                2);
        double[] x = Spectra.gaussian(3, 1, 10).values();
        double[] y = new double[12];
        for (int j = 0; j < 3; j++) {
            for (int k = 0; k < 2; k++) {
                double z = 0;
                for (int i = 0; i < 5; i++) {
                    z += monarch.right()[(k * 3 + j) * 5 + i] * x[k * 5 + i];
                }
                for (int l = 0; l < 4; l++) {
                    y[l * 3 + j] += monarch.left()[(j * 4 + l) * 2 + k] * z;
                }
            }
        }
        Matrix expected = Spectra.product(monarch.product(), new Matrix(10, 1, x));
        for (int i = 0; i < 12; i++) {
            assertThat(y[i]).isCloseTo(expected.values()[i], Offset.offset(1e-12));
        }
    }

    @Test
    void projectionIsTheNearestForEverySlice() {
        Matrix w = Spectra.gaussian(5, 8, 6);
        try (Arena memory = Arena.ofShared()) {
            Monarch found = Monarch.project(Spectra.floats(w, memory), 2, 3, DenseAlgebra.best());
            double least = Spectra.norm(Spectra.minus(w, found.product()));
            for (int i = 0; i < found.left().length; i++) {
                for (double step : new double[] {-0.01, 0.01}) {
                    double[] left = found.left().clone();
                    left[i] += step;
                    var other = new Monarch(left, found.right(), 2, 3);
                    assertThat(Spectra.norm(Spectra.minus(w, other.product()))).isGreaterThan(least);
                }
            }
            assertThat(least).isLessThan(Spectra.norm(w));
            assertThatThrownBy(() -> Monarch.project(Spectra.floats(w, memory), 3, 3, DenseAlgebra.best()))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("[8, 6]");
        }
    }

    @Test
    void aMatrixOfZerosIsMonarch() {
        try (Arena memory = Arena.ofShared()) {
            Monarch found = Monarch.project(Spectra.floats(Matrix.zeros(4, 4), memory), 2, 2, DenseAlgebra.best());
            assertThat(Arrays.stream(found.left()).sum()).isZero();
        }
    }
}
