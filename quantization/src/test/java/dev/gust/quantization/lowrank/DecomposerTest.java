package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.IntToDoubleFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class DecomposerTest {
    /** How singular values fall. */
    enum Spectrum {
        FAST(i -> Math.pow(0.8, i)),
        SLOW(i -> 1 / Math.sqrt(i + 1.0)),
        FLAT(i -> 1 - 0.002 * i),
        STEP(i -> i < 12 ? 1 : 0.01),
        DEFICIENT(i -> i < 12 ? 1.0 / (i + 1) : 0);

        @SuppressWarnings("ImmutableEnumChecker") // functions of their argument alone
        final IntToDoubleFunction s;

        Spectrum(IntToDoubleFunction s) {
            this.s = s;
        }
    }

    private final Arena memory = Arena.ofShared();
    private final Device jvm = Devices.open(DeviceId.JVM);

    @AfterEach
    void close() {
        jvm.close();
        memory.close();
    }

    private Decomposer decomposer(Device device, SvdOptions.Form form) {
        return new Decomposer(device, DenseAlgebra.best(), SvdOptions.DEFAULT.withForm(form), 1);
    }

    @ParameterizedTest
    @EnumSource
    void aSketchComesWithinOnePercentOfTheLeastError(Spectrum spectrum) {
        for (int[] shape : new int[][] {{150, 90}, {90, 150}}) {
            Matrix w = Spectra.withSpectrum(6, shape[0], shape[1], spectrum.s);
            for (int rank : new int[] {1, 8, 33, 90}) {
                Svd svd = decomposer(jvm, SvdOptions.Form.RANDOMIZED).svd(Spectra.floats(w, memory), rank);
                double error = Spectra.norm(Spectra.minus(w, svd.product()));
                double least = Spectra.tail(spectrum.s, rank, 90);
                assertThat(error)
                        .as("%s to rank %d", List.of(shape[0], shape[1]), rank)
                        .isBetween(least * (1 - 1e-5), 1.01 * least + 2e-6 * Spectra.norm(w));
                assertThat(svd.library()).contains("randomized");
                Spectra.assertOrthonormalRows(svd.vt(), 1e-9);
                Spectra.assertOrthonormalRows(Spectra.transposed(svd.u()), 1e-9);
                for (int i = 0; i < Math.min(rank, 12) && spectrum != Spectrum.FLAT; i++) { // where they are apart
                    assertThat(svd.s()[i]).as("value %d", i).isCloseTo(spectrum.s.applyAsDouble(i), within(1e-3));
                }
            }
        }
    }

    private static org.assertj.core.data.Offset<Double> within(double distance) {
        return org.assertj.core.data.Offset.offset(distance);
    }

    @ParameterizedTest
    @CsvSource({"1,1", "1,7", "7,1", "5,5", "40,23", "23,40"})
    void theLibraryFindsWhatAMatrixWasMadeOf(int m, int n) {
        IntToDoubleFunction s = i -> 3.0 / (i + 1);
        Matrix w = Spectra.withSpectrum(9, m, n, s);
        for (DenseAlgebra algebra : List.of(new EjmlAlgebra(), DenseAlgebra.best())) {
            Svd svd = algebra.svd(w);
            double[] values = algebra.singularValues(w);
            assertThat(values).hasSize(Math.min(m, n));
            for (int i = 0; i < values.length; i++) {
                assertThat(svd.s()[i]).isCloseTo(s.applyAsDouble(i), within(1e-12));
                assertThat(values[i]).isCloseTo(s.applyAsDouble(i), within(1e-12));
            }
            assertThat(Spectra.norm(Spectra.minus(w, svd.product()))).isLessThan(1e-12);
            Spectra.assertOrthonormalRows(svd.vt(), 1e-12);
            Spectra.assertOrthonormalRows(Spectra.transposed(svd.u()), 1e-12);
        }
    }

    @Test
    void choleskyGivesTheFactorOrSaysThatThereIsNone() {
        Matrix x = Spectra.gaussian(4, 9, 9);
        Matrix gram = Spectra.product(x, Spectra.transposed(x));
        Matrix indefinite = new Matrix(2, 2, new double[] {1, 2, 2, 1});
        for (DenseAlgebra algebra : List.of(new EjmlAlgebra(), DenseAlgebra.best())) {
            Matrix l = algebra.cholesky(gram).orElseThrow();
            assertThat(Spectra.norm(Spectra.minus(gram, Spectra.product(l, Spectra.transposed(l)))))
                    .isLessThan(1e-12 * Spectra.norm(gram));
            assertThat(l.at(0, 8)).isZero();
            assertThat(algebra.cholesky(indefinite)).isEmpty();
        }
    }

    @Test
    void aSeedGivesTheSameFactorsAndDevicesAgree() {
        FloatMatrix w = Spectra.floats(Spectra.withSpectrum(5, 60, 44, i -> Math.pow(0.7, i)), memory);
        Svd svd = decomposer(jvm, SvdOptions.Form.RANDOMIZED).svd(w, 6);
        assertThat(decomposer(jvm, SvdOptions.Form.RANDOMIZED).svd(w, 6).u().values())
                .containsExactly(svd.u().values());
        for (DeviceId.Kind kind : new DeviceId.Kind[] {DeviceId.Kind.SCALAR, DeviceId.Kind.EMULATOR}) {
            try (Device device = Devices.open(DeviceId.parse(kind.name().toLowerCase(java.util.Locale.ROOT)))) {
                Svd other = decomposer(device, SvdOptions.Form.RANDOMIZED).svd(w, 6);
                assertThat(Spectra.norm(Spectra.minus(svd.product(), other.product())))
                        .as("%s", kind)
                        .isLessThan(1e-5 * svd.s()[0]);
            }
        }
    }

    /** Rounding must not choose signs, or factors would differ from run to run and from device to device. */
    @Test
    void theLargestElementOfALeftSingularVectorIsPositive() {
        Matrix values = Spectra.withSpectrum(9, 44, 60, i -> Math.pow(0.7, i));
        FloatMatrix w = Spectra.floats(values, memory);
        FloatMatrix opposite = w.scaled(-1, memory);
        for (SvdOptions.Form form : SvdOptions.Form.values()) {
            Svd svd = decomposer(jvm, form).svd(w, 6);
            Svd other = decomposer(jvm, form).svd(opposite, 6);
            assertThat(Spectra.norm(Spectra.minus(svd.u(), other.u())))
                    .as("%s", form)
                    .isLessThan(1e-4);
            for (int k = 0; k < 6; k++) {
                double[] column = new double[44];
                for (int i = 0; i < column.length; i++) {
                    column[i] = svd.u().at(i, k);
                }
                double least = java.util.Arrays.stream(column).min().orElseThrow();
                assertThat(java.util.Arrays.stream(column).max().orElseThrow()).isGreaterThanOrEqualTo(-least);
            }
            assertThat(Spectra.norm(Spectra.minus(values, svd.product())))
                    .isCloseTo(
                            Spectra.tail(i -> Math.pow(0.7, i), 6, 44),
                            org.assertj.core.data.Percentage.withPercentage(1));
        }
    }

    @Test
    void aMatrixOfZerosHasSingularValuesOfZero() {
        FloatMatrix w = Spectra.floats(Matrix.zeros(30, 20), memory);
        for (SvdOptions.Form form : SvdOptions.Form.values()) {
            Svd svd = decomposer(jvm, form).svd(w, 3);
            assertThat(svd.s()).containsOnly(0);
            Spectra.assertOrthonormalRows(svd.vt(), 1e-9);
        }
        assertThat(decomposer(jvm, SvdOptions.Form.AUTO).singularValues(w)).containsOnly(0);
    }

    @Test
    void aConstantMatrixHasOne() {
        Matrix w = Matrix.zeros(30, 20);
        java.util.Arrays.fill(w.values(), 2);
        Svd svd = decomposer(jvm, SvdOptions.Form.RANDOMIZED).svd(Spectra.floats(w, memory), 3);
        assertThat(svd.s()[0]).isCloseTo(2 * Math.sqrt(600), within(1e-4));
        assertThat(svd.s()[1]).isLessThan(1e-4);
        assertThat(Spectra.norm(Spectra.minus(w, svd.product()))).isLessThan(1e-4);
    }

    @Test
    void refusesRanksThatTheMatrixDoesNotHave() {
        FloatMatrix w = Spectra.floats(Spectra.gaussian(1, 4, 6), memory);
        for (int rank : new int[] {0, -1, 5}) {
            assertThatThrownBy(() -> decomposer(jvm, SvdOptions.Form.AUTO).svd(w, rank))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("rank " + rank)
                    .hasMessageContaining("[4, 6]")
                    .hasMessageContaining("1 to 4");
        }
    }
}
