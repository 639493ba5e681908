package dev.gust.formats.scheme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Signal to quantization noise on 20,000 blocks of 32 against figures measured with other implementations. */
class QualityTest {
    private static final int BLOCKS = 20_000;

    /** Weights through a quantizer and back. */
    private static final class Trip {
        final float[] weights;
        final List<byte[]> parts;
        final float[] restored;
        final double sqnrDb;

        Trip(float[] weights, List<byte[]> parts, float[] restored, double sqnrDb) {
            this.weights = weights;
            this.parts = parts;
            this.restored = restored;
            this.sqnrDb = sqnrDb;
        }
    }

    private static Trip trip(Scheme scheme, ScaleRule rule, Weights.Kind kind) {
        float[] weights = Weights.of(kind, BLOCKS * 32, 42);
        Shape shape = Shape.of(625, 1024);
        WeightQuantizer quantizer = Quantizers.of(scheme, rule, DType.F32);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = Weights.segment(arena, weights);
            List<MemorySegment> parts = Weights.allocate(arena, quantizer.parts(shape));
            quantizer.quantize(floats, 625, shape, Weights.amax(weights), parts);
            MemorySegment restored = arena.allocate(floats.byteSize());
            quantizer.dequantize(parts, 625, 1024, restored);
            return new Trip(
                    weights,
                    Weights.bytes(parts),
                    restored.toArray(ValueLayout.JAVA_FLOAT),
                    ErrorSums.of(floats, restored).sqnrDb());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "GAUSSIAN, FLOOR, 18.78, 29.8",
        "GAUSSIAN, EVEN, 19.03, 12.9",
        "GAUSSIAN, RCEIL, 18.75, 0",
        "GAUSSIAN, CEIL, 16.83, 0",
        "LAPLACE, FLOOR, 17.96, 43.3",
        "LAPLACE, EVEN, 18.15, 22.9",
        "LAPLACE, RCEIL, 17.59, 0",
        "LAPLACE, CEIL, 15.39, 0",
        "STUDENT_T3, FLOOR, 16.99, 42.1",
        "STUDENT_T3, EVEN, 17.13, 22.9",
        "STUDENT_T3, RCEIL, 16.40, 0",
        "STUDENT_T3, CEIL, 14.13, 0"
    })
    void mxfp4RulesLoseAndClipAsMuchAsMeasuredElsewhere(
            Weights.Kind kind, ScaleRule rule, double sqnrDb, double clippedPercent) {
        Trip trip = trip(Scheme.MXFP4, rule, kind);
        assertThat(trip.sqnrDb).isCloseTo(sqnrDb, within(0.1));
        int clipped = 0;
        for (int b = 0; b < BLOCKS; b++) {
            double scale = Math.scalb(1.0, (trip.parts.get(1)[b] & 0xFF) - 127);
            clipped += ReferenceScheme.amax(trip.weights, b * 32, 32) > 6 * scale ? 1 : 0;
        }
        double share = clippedPercent / 100;
        // Two samples of 20,000 blocks, four standard deviations of their difference, and half a printed digit.
        double bound = 4 * Math.sqrt(2 * share * (1 - share) / BLOCKS) + 0.0005;
        assertThat((double) clipped / BLOCKS).isCloseTo(share, within(clippedPercent == 0 ? 0 : bound));
    }

    @ParameterizedTest
    @CsvSource({"GAUSSIAN, 20.43", "LAPLACE, 20.67", "STUDENT_T3, 20.89"})
    void nvfp4LosesAsMuchAsMeasuredElsewhere(Weights.Kind kind, double sqnrDb) {
        double measured = trip(Scheme.NVFP4, ScaleRule.EVEN, kind).sqnrDb;
        assertThat(measured).isCloseTo(sqnrDb, within(0.1));
    }

    @ParameterizedTest
    @CsvSource({"MXFP8", "MXFP6_E2M3", "MXFP6_E3M2", "MXFP4"})
    void searchingIsNeverWorseThanFloorInAnyBlock(Scheme scheme) {
        for (Weights.Kind kind : List.of(Weights.Kind.GAUSSIAN, Weights.Kind.STUDENT_T3, Weights.Kind.MIXED)) {
            Trip floor = trip(scheme, ScaleRule.FLOOR, kind);
            Trip mse = trip(scheme, ScaleRule.MSE, kind);
            int better = 0;
            int worse = 0;
            for (int b = 0; b < BLOCKS * 32; b += 32) {
                int change = Double.compare(error(mse, b), error(floor, b));
                better += change < 0 ? 1 : 0;
                worse += change > 0 ? 1 : 0;
            }
            assertThat(worse).as(kind.toString()).isZero();
            if (kind == Weights.Kind.GAUSSIAN) {
                assertThat(better).isPositive();
            }
        }
    }

    private static double error(Trip trip, int first) {
        double error = 0;
        for (int i = first; i < first + 32; i++) {
            double difference = (double) trip.weights[i] - trip.restored[i];
            error += difference * difference;
        }
        return error;
    }

    @ParameterizedTest
    @CsvSource({
        "FP8, 31.0",
        "FP8_TENSOR, 31.0",
        "FP8_BLOCK, 31.0",
        "FP8_E5M2, 25.0",
        "MXFP8, 31.0",
        "MXFP6_E2M3, 30.5",
        "MXFP6_E3M2, 25.0",
        "MXFP4, 18.9",
        "NVFP4, 20.3",
        "INT8, 41.5",
        "INT4, 18.5"
    })
    void gaussianWeightsKeepTheirFloor(Scheme scheme, double sqnrDb) {
        double measured = trip(scheme, ScaleRule.EVEN, Weights.Kind.GAUSSIAN).sqnrDb;
        assertThat(measured).isGreaterThan(sqnrDb);
    }
}
