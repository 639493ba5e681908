package dev.gust.formats.scheme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Names, types and shapes of what is stored, as compressed-tensors' compressors have them. */
class PartsTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "FP8        | 300 256   | weight F8_E4M3 [300, 256]; weight_scale BF16 [300, 1]",
                "FP8        | 4 300 256 | weight F8_E4M3 [4, 300, 256]; weight_scale BF16 [4, 300, 1]",
                "FP8_TENSOR | 300 256   | weight F8_E4M3 [300, 256]; weight_scale BF16 [1]",
                "FP8_BLOCK  | 300 256   | weight F8_E4M3 [300, 256]; weight_scale BF16 [3, 2]",
                "FP8_BLOCK  | 4 300 256 | weight F8_E4M3 [4, 300, 256]; weight_scale BF16 [4, 3, 2]",
                "FP8_E5M2   | 300 256   | weight F8_E5M2 [300, 256]; weight_scale BF16 [300, 1]",
                "MXFP8      | 300 256   | weight F8_E4M3 [300, 256]; weight_scale U8 [300, 8]",
                "MXFP6_E2M3 | 300 256   | weight_packed U8 [300, 192]; weight_scale U8 [300, 8]",
                "MXFP6_E3M2 | 300 96    | weight_packed U8 [300, 72]; weight_scale U8 [300, 3]",
                "MXFP4      | 300 256   | weight_packed U8 [300, 128]; weight_scale U8 [300, 8]",
                "MXFP4      | 4 300 256 | weight_packed U8 [4, 300, 128]; weight_scale U8 [4, 300, 8]",
                "NVFP4      | 300 256   | weight_packed U8 [300, 128]; weight_scale F8_E4M3 [300, 16]; weight_global_scale F32 [1]",
                "INT8       | 300 256   | weight I8 [300, 256]; weight_scale BF16 [300, 1]",
                "INT4       | 300 256   | weight_packed I32 [300, 32]; weight_scale BF16 [300, 2]; weight_shape I64 [2]"
            })
    void areStoredAsCompressedTensorsDoes(Scheme scheme, String dims, String expected) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.BF16);
        String parts = quantizer.parts(shape(dims)).stream()
                .map(p -> p.suffix() + " " + p.dtype() + " " + p.shape())
                .collect(Collectors.joining("; "));
        assertThat(parts).isEqualTo(expected);
        assertThat(quantizer.unsupported(shape(dims))).isEmpty();
    }

    private static Shape shape(String dims) {
        return Shape.of(java.util.Arrays.stream(dims.split(" "))
                .mapToLong(Long::parseLong)
                .toArray());
    }

    @ParameterizedTest
    @CsvSource({
        "FP8_BLOCK, 4304, K = 4304 is not a multiple of 128",
        "MXFP8, 100, K = 100 is not a multiple of 32",
        "MXFP6_E2M3, 16, K = 16 is not a multiple of 32",
        "MXFP6_E3M2, 1, K = 1 is not a multiple of 32",
        "MXFP4, 48, K = 48 is not a multiple of 32",
        "NVFP4, 24, K = 24 is not a multiple of 16",
        "INT4, 64, K = 64 is not a multiple of 128"
    })
    void unsupportedWidthsAreExplained(Scheme scheme, long columns, String reason) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        assertThat(quantizer.unsupported(Shape.of(7, columns))).contains(reason);
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(columns * 4);
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> quantizer.quantize(floats, 1, Shape.of(1, columns), 1, List.of()))
                    .withMessage(reason);
        }
    }

    @ParameterizedTest
    @EnumSource(Scheme.class)
    void vectorsAndScalarsAreRefused(Scheme scheme) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        assertThat(quantizer.unsupported(Shape.of(256))).contains("shape [256] has no rows and columns");
        assertThat(quantizer.unsupported(Shape.of())).contains("shape [] has no rows and columns");
    }

    @ParameterizedTest
    @EnumSource(Scheme.class)
    void emptyWeightsAreStored(Scheme scheme) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.MSE, DType.F32);
        for (Shape shape : List.of(Shape.of(0, 256), Shape.of(3, 0), Shape.of(0, 0))) {
            assertThat(quantizer.unsupported(shape)).isEmpty();
            try (Arena arena = Arena.ofConfined()) {
                List<MemorySegment> parts = Weights.allocate(arena, quantizer.parts(shape));
                MemorySegment floats = arena.allocate(0);
                quantizer.quantize(floats, shape.rows(), shape, 0, parts);
                quantizer.dequantize(parts, shape.rows(), shape.columns(), floats);
                for (int i = 0; i < parts.size(); i++) {
                    assertThat(quantizer.range(shape, i, 0, shape.rows()))
                            .isEqualTo(new Part.Range(0, parts.get(i).byteSize()));
                }
            }
        }
    }

    @Test
    void scalesAreFloats() {
        for (Scheme scheme : List.of(Scheme.FP8, Scheme.INT8, Scheme.INT4)) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Quantizers.of(scheme, ScaleRule.EVEN, DType.F64))
                    .withMessage("scales are F32, F16 or BF16, not F64");
        }
    }

    @Test
    void onlyGlobalScalesNeedTheTensorsMaximum() {
        for (Scheme scheme : Scheme.values()) {
            assertThat(Quantizers.of(scheme, ScaleRule.EVEN, DType.F32).usesTensorAmax())
                    .isEqualTo(scheme == Scheme.NVFP4 || scheme == Scheme.FP8_TENSOR);
        }
    }
}
