package dev.gust.formats.scheme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is stored does not depend on where the rows of a weight are cut, nor on how its matrices are stacked. */
class RowRangesTest {
    private static final Shape EXPERTS = Shape.of(3, 300, 256);

    @ParameterizedTest
    @EnumSource(Scheme.class)
    void anyCutGivesTheSameBytes(Scheme scheme) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.MSE, DType.BF16);
        long rowsPerMatrix = EXPERTS.dim(-2);
        long columns = EXPERTS.columns();
        float[] weights = Weights.of(Weights.Kind.LAPLACE, (int) EXPERTS.elements(), 5);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = Weights.segment(arena, weights);
            List<Part> parts = quantizer.parts(EXPERTS);
            List<MemorySegment> whole = Weights.allocate(arena, parts);
            List<MemorySegment> cut = Weights.allocate(arena, parts);
            for (long first = 0; first < EXPERTS.rows(); first += rowsPerMatrix) {
                run(quantizer, floats, Weights.amax(weights), first, rowsPerMatrix, whole);
            }
            var random = new Random(scheme.label().hashCode());
            for (long row = 0; row < EXPERTS.rows(); ) {
                long left = rowsPerMatrix - row % rowsPerMatrix;
                long rows = Math.min(left, (long) quantizer.rowBlock() * (1 + random.nextInt(40)));
                run(quantizer, floats, Weights.amax(weights), row, rows, cut);
                row += rows;
            }
            for (int i = 0; i < parts.size(); i++) {
                assertThat(cut.get(i).mismatch(whole.get(i)))
                        .as(parts.get(i).suffix())
                        .isEqualTo(-1);
            }

            MemorySegment restored = arena.allocate(floats.byteSize());
            MemorySegment restoredInCuts = arena.allocate(floats.byteSize());
            for (long first = 0; first < EXPERTS.rows(); first += rowsPerMatrix) {
                quantizer.dequantize(
                        ranges(quantizer, whole, first, rowsPerMatrix),
                        rowsPerMatrix,
                        columns,
                        rows(restored, first, rowsPerMatrix));
                for (long row = 0; row < rowsPerMatrix; row += quantizer.rowBlock()) {
                    long rows = Math.min(quantizer.rowBlock(), rowsPerMatrix - row);
                    quantizer.dequantize(
                            ranges(quantizer, whole, first + row, rows),
                            rows,
                            columns,
                            rows(restoredInCuts, first + row, rows));
                }
            }
            assertThat(restoredInCuts.mismatch(restored)).isEqualTo(-1);
        }
    }

    private static void run(
            WeightQuantizer quantizer,
            MemorySegment floats,
            float amax,
            long row,
            long rows,
            List<MemorySegment> parts) {
        quantizer.quantize(rows(floats, row, rows), rows, EXPERTS, amax, ranges(quantizer, parts, row, rows));
    }

    private static MemorySegment rows(MemorySegment floats, long row, long rows) {
        long rowBytes = EXPERTS.columns() * Float.BYTES;
        return floats.asSlice(row * rowBytes, rows * rowBytes);
    }

    private static List<MemorySegment> ranges(
            WeightQuantizer quantizer, List<MemorySegment> parts, long row, long rows) {
        return IntStream.range(0, parts.size())
                .mapToObj(i -> {
                    Part.Range range = quantizer.range(EXPERTS, i, row, rows);
                    return parts.get(i).asSlice(range.offset(), range.bytes());
                })
                .toList();
    }

    @Test
    void rangesCoverEveryPartOnceAndInOrder() {
        for (Scheme scheme : Scheme.values()) {
            WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
            List<Part> parts = quantizer.parts(EXPERTS);
            for (int i = 0; i < parts.size(); i++) {
                if (parts.get(i).perWeight()) {
                    continue;
                }
                long end = 0;
                for (long row = 0; row < EXPERTS.rows(); ) {
                    long rows = Math.min(quantizer.rowBlock(), 300 - row % 300);
                    Part.Range range = quantizer.range(EXPERTS, i, row, rows);
                    assertThat(range.offset()).as(scheme + " " + row).isEqualTo(end);
                    end += range.bytes();
                    row += rows;
                }
                assertThat(end).isEqualTo(parts.get(i).byteSize());
            }
        }
    }

    @Test
    void refusesCutsAcrossMatricesAndBlocks() {
        WeightQuantizer blocks = Quantizers.of(Scheme.FP8_BLOCK, ScaleRule.EVEN, DType.F32);
        for (long[] range : new long[][] {{0, 301}, {256, 100}, {64, 64}, {0, 100}, {-128, 128}, {900, 1}}) {
            assertThatIllegalArgumentException()
                    .as(range[0] + " " + range[1])
                    .isThrownBy(() -> blocks.range(EXPERTS, 0, range[0], range[1]));
        }
        assertThat(blocks.range(EXPERTS, 1, 556, 44)).isEqualTo(new Part.Range((3 + 2) * 2 * 4, 8));
    }

    @Test
    void refusesSegmentsOfAnotherSize() {
        WeightQuantizer quantizer = Quantizers.of(Scheme.MXFP4, ScaleRule.EVEN, DType.F32);
        Shape shape = Shape.of(2, 64);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(2 * 64 * 4);
            List<MemorySegment> parts = Weights.allocate(arena, quantizer.parts(shape));
            assertThatIllegalArgumentException().isThrownBy(() -> quantizer.quantize(floats, 1, shape, 1, parts));
            List<MemorySegment> short1 = List.of(parts.get(0), parts.get(1).asSlice(1));
            assertThatIllegalArgumentException().isThrownBy(() -> quantizer.quantize(floats, 2, shape, 1, short1));
            quantizer.quantize(floats, 2, shape, 1, parts);
            assertThat(parts.get(0).toArray(ValueLayout.JAVA_BYTE)).containsOnly(0);
        }
    }
}
