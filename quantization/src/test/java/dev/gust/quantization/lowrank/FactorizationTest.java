package dev.gust.quantization.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FactorizationTest {
    private static final int M = 30;
    private static final int N = 40;
    private static final int TOKENS = 200;
    private static final int RANK = 7;

    private final Arena memory = Arena.ofShared();
    private final Device jvm = Devices.open(DeviceId.JVM);
    private final Matrix w = Spectra.withSpectrum(1, M, N, i -> 1 / (i + 1.0));
    /** Inputs whose channels differ in size and depend on one another: [N, T]. */
    private final Matrix x = inputs();

    private static Matrix inputs() {
        Matrix mix = Spectra.withSpectrum(3, N, N, i -> Math.pow(0.9, i));
        return Spectra.product(mix, Spectra.gaussian(4, N, TOKENS));
    }

    @AfterEach
    void close() {
        jvm.close();
        memory.close();
    }

    private Factorization factorization(LowRankMethod method) {
        return new Factorization(method, 0.5, new Decomposer(jvm, DenseAlgebra.best(), SvdOptions.DEFAULT, 1));
    }

    private static LayerInputs known(Matrix x) {
        return new LayerInputs(Optional.of(Spectra.product(x, Spectra.transposed(x))), Optional.empty(), x.columns());
    }

    private Factors factors(LowRankMethod method, int rank, LayerInputs inputs) {
        return factorization(method).of(Spectra.floats(w, memory), rank, inputs);
    }

    private double outputLoss(Factors factors) {
        Matrix error = Spectra.minus(w, Spectra.product(factors.a(), factors.b()));
        return Spectra.norm(Spectra.product(error, x));
    }

    @Test
    void plainFactorsLoseTheTail() {
        Factors factors = factors(LowRankMethod.SVD, RANK, LayerInputs.UNKNOWN);
        double least = Spectra.tail(i -> 1 / (i + 1.0), RANK, M);
        assertThat(Spectra.norm(Spectra.minus(w, Spectra.product(factors.a(), factors.b()))))
                .isCloseTo(least, Percentage.withPercentage(0.01));
        double all = Spectra.tail(i -> 1 / (i + 1.0), 0, M);
        assertThat(factors.energy()).isCloseTo(1 - least * least / (all * all), Offset.offset(1e-6));
        assertThat(factors.rank()).isEqualTo(RANK);
        assertThat(Spectra.norm(factors.a())).isCloseTo(Spectra.norm(factors.b()), Percentage.withPercentage(0.01));
    }

    @ParameterizedTest
    @EnumSource(names = {"WHITENED", "LORD"})
    void theSingularValuesLeftOutAreTheLossOfOutputs(LowRankMethod method) {
        double[] spectrum = factorization(method).spectrum(Spectra.floats(w, memory), known(x));
        for (int rank : new int[] {1, RANK, M - 1}) {
            double loss = outputLoss(factors(method, rank, known(x)));
            double tail = Spectra.tail(i -> spectrum[i], rank, spectrum.length);
            assertThat(loss).as("rank %d", rank).isCloseTo(tail, Offset.offset(1e-4 * tail + 3e-6 * spectrum[0]));
        }
    }

    @Test
    void methodsThatKnowTheInputsLoseLessOfTheOutputs() {
        double plain = outputLoss(factors(LowRankMethod.SVD, RANK, LayerInputs.UNKNOWN));
        double whitened = outputLoss(factors(LowRankMethod.WHITENED, RANK, known(x)));
        assertThat(whitened).isLessThan(0.9 * plain);
        assertThat(outputLoss(factors(LowRankMethod.LORD, RANK, known(x))))
                .isCloseTo(whitened, Percentage.withPercentage(0.01));
        assertThat(outputLoss(factors(LowRankMethod.ASVD, RANK, known(x)))).isBetween(whitened, plain);
    }

    @Test
    void lordProjectsOnDirectionsOfOutputs() {
        Factors factors = factors(LowRankMethod.LORD, RANK, known(x));
        Spectra.assertOrthonormalRows(Spectra.transposed(factors.a()), 1e-6);
        Matrix projected = Spectra.product(Spectra.transposed(factors.a()), w);
        assertThat(Spectra.norm(Spectra.minus(projected, factors.b()))).isLessThan(1e-5);
    }

    @Test
    void asvdWithEqualChannelsIsPlain() {
        var equal = new LayerInputs(Optional.empty(), Optional.of(new Matrix(1, N, constant(3))), 1);
        Factors plain = factors(LowRankMethod.SVD, RANK, LayerInputs.UNKNOWN);
        Factors scaled = factors(LowRankMethod.ASVD, RANK, equal);
        assertThat(Spectra.norm(
                        Spectra.minus(Spectra.product(plain.a(), plain.b()), Spectra.product(scaled.a(), scaled.b()))))
                .isLessThan(1e-5);
    }

    private static double[] constant(double value) {
        double[] values = new double[N];
        java.util.Arrays.fill(values, value);
        return values;
    }

    /** 25 tokens for 40 channels, two of which never fire: no inverse exists, and no more than 25 ranks matter. */
    @ParameterizedTest
    @EnumSource(names = {"WHITENED", "LORD", "ASVD"})
    void aGramMatrixOfTooFewTokensIsRepaired(LowRankMethod method) {
        Matrix few = Matrix.zeros(N, 25);
        for (int i = 0; i < N - 2; i++) {
            for (int t = 0; t < 25; t++) {
                few.values()[i * 25 + t] = x.at(i, t);
            }
        }
        Factors factors = factors(method, 26, known(few));
        for (double v : factors.b().values()) {
            assertThat(Math.abs(v)).isLessThan(1e6);
        }
        Matrix error = Spectra.minus(w, Spectra.product(factors.a(), factors.b()));
        double whole = Spectra.norm(Spectra.product(w, few));
        if (method != LowRankMethod.ASVD) {
            assertThat(factors.damping()).isPositive().isLessThan(1e-3);
            assertThat(Spectra.norm(Spectra.product(error, few))).isLessThan(1e-3 * whole);
        } else {
            Factors plain = factors(LowRankMethod.SVD, 26, LayerInputs.UNKNOWN);
            Matrix plainError = Spectra.minus(w, Spectra.product(plain.a(), plain.b()));
            assertThat(Spectra.norm(Spectra.product(error, few)))
                    .isLessThan(Spectra.norm(Spectra.product(plainError, few)));
        }
    }

    @Test
    void aWholeGramMatrixNeedsNoRepair() {
        assertThat(factors(LowRankMethod.WHITENED, RANK, known(x)).damping()).isZero();
    }

    @ParameterizedTest
    @EnumSource
    void aWeightOfZerosHasFactorsOfZeros(LowRankMethod method) {
        FloatMatrix zeros = Spectra.floats(Matrix.zeros(M, N), memory);
        Factors factors = factorization(method).of(zeros, 2, known(x));
        assertThat(factors.b().values()).containsOnly(0);
        assertThat(factors.energy()).isOne();
        for (double v : factors.a().values()) {
            assertThat(v).isFinite();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"WHITENED", "LORD", "ASVD"})
    void methodsSayWhatTheyNeedToKnow(LowRankMethod method) {
        assertThatThrownBy(() -> factors(method, RANK, LayerInputs.UNKNOWN))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining(method.label())
                .hasMessageContaining("calibration");
    }

    @Test
    void errorsOfOutputsAreMeasuredAsTheInputsMakeThem() {
        Matrix other = Spectra.gaussian(8, M, N);
        var decomposer = new Decomposer(jvm, DenseAlgebra.best(), SvdOptions.DEFAULT, 1);
        OutputError error =
                OutputError.of(Spectra.floats(w, memory), Spectra.floats(other, memory), known(x), decomposer);
        Matrix difference = Spectra.minus(w, other);
        assertThat(error.weight())
                .isCloseTo(Spectra.norm(difference) / Spectra.norm(w), Percentage.withPercentage(0.001));
        assertThat(error.output().orElseThrow())
                .isCloseTo(
                        Spectra.norm(Spectra.product(difference, x)) / Spectra.norm(Spectra.product(w, x)),
                        Percentage.withPercentage(0.01));
        OutputError none =
                OutputError.of(Spectra.floats(w, memory), Spectra.floats(w, memory), LayerInputs.UNKNOWN, decomposer);
        assertThat(none).isEqualTo(new OutputError(0, Optional.empty()));
        assertThat(none.energyKept()).isOne();
    }
}
