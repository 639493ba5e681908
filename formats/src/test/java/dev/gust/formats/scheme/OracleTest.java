package dev.gust.formats.scheme;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every scheme, rule and scale type against {@link ReferenceScheme}: each stored byte and each restored value. */
class OracleTest {
    static Stream<Arguments> quantizers() {
        return Stream.of(Scheme.values()).flatMap(scheme -> {
            if (scheme.isMicroscaled()) {
                return Stream.of(ScaleRule.values()).map(rule -> Arguments.of(scheme, rule, DType.F32));
            }
            if (scheme == Scheme.NVFP4) {
                return Stream.of(Arguments.of(scheme, ScaleRule.EVEN, DType.F32));
            }
            return Stream.of(DType.F32, DType.BF16, DType.F16).map(t -> Arguments.of(scheme, ScaleRule.EVEN, t));
        });
    }

    private static int unit(Scheme scheme) {
        return switch (scheme) {
            case FP8, FP8_TENSOR, FP8_E5M2, INT8 -> 1;
            case NVFP4 -> 16;
            case FP8_BLOCK, INT4 -> 128;
            default -> 32;
        };
    }

    @ParameterizedTest
    @MethodSource("quantizers")
    void matchesTheDefinitions(Scheme scheme, ScaleRule rule, DType scaleDtype) {
        int unit = unit(scheme);
        int[][] shapes = {
            {1, unit},
            {3, unit},
            {1, 4096},
            {2, Math.max(unit, 33 / unit * unit)},
            {131, unit},
            {3, 16 * unit},
            {2, 2176}
        };
        long seed = 1;
        for (int[] shape : shapes) {
            for (Weights.Kind kind : Weights.Kind.values()) {
                boolean needsRange = kind == Weights.Kind.HUGE || kind == Weights.Kind.MIXED;
                if (needsRange && scaleDtype == DType.F16) {
                    continue; // Refused: EdgeCasesTest.
                }
                check(scheme, rule, scaleDtype, kind, shape[0], shape[1], seed++);
            }
        }
    }

    @Test
    void matchesTheDefinitionsOnOddWidths() {
        for (Scheme scheme : List.of(Scheme.FP8, Scheme.FP8_TENSOR, Scheme.FP8_E5M2, Scheme.INT8)) {
            for (int columns : new int[] {1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 100, 2047, 2049, 2051}) {
                check(scheme, ScaleRule.EVEN, DType.F32, Weights.Kind.GAUSSIAN, 5, columns, columns);
                check(scheme, ScaleRule.EVEN, DType.BF16, Weights.Kind.MIXED, 3, columns, columns);
            }
        }
    }

    private static void check(
            Scheme scheme, ScaleRule rule, DType scaleDtype, Weights.Kind kind, int rows, int columns, long seed) {
        float[] weights = Weights.of(kind, rows * columns, seed);
        var expected = new ReferenceScheme(scheme, rule, scaleDtype).quantize(weights, rows, columns);
        WeightQuantizer quantizer = Quantizers.of(scheme, rule, scaleDtype);
        Shape shape = Shape.of(rows, columns);
        String what = scheme + " " + rule + " " + scaleDtype + " " + kind + " " + shape + " part ";
        try (Arena arena = Arena.ofConfined()) {
            List<Part> parts = quantizer.parts(shape);
            List<MemorySegment> stored = Weights.allocate(arena, parts);
            quantizer.quantize(Weights.segment(arena, weights), rows, shape, Weights.amax(weights), stored);
            assertThat(parts).hasSameSizeAs(expected.parts());
            for (int i = 0; i < parts.size(); i++) {
                assertThat(stored.get(i).toArray(ValueLayout.JAVA_BYTE))
                        .as(what + parts.get(i).suffix())
                        .isEqualTo(expected.parts().get(i));
            }
            MemorySegment restored = Weights.segment(arena, new float[weights.length]);
            quantizer.dequantize(stored, rows, columns, restored);
            // By bits, so that zeros keep their sign; infinities and NaNs would be equal to none of the expected.
            int[] expectedBits = new int[weights.length];
            for (int i = 0; i < expectedBits.length; i++) {
                float value = expected.restored()[i];
                assertThat(Float.isFinite(value)).isTrue();
                expectedBits[i] = Float.floatToRawIntBits(value);
            }
            assertThat(restored.toArray(ValueLayout.JAVA_INT_UNALIGNED))
                    .as(what + "restored")
                    .isEqualTo(expectedBits);
        }
    }
}
