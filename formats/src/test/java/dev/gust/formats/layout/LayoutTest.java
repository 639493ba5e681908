package dev.gust.formats.layout;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.List;
import org.junit.jupiter.api.Test;

class LayoutTest {
    private static List<TensorInfo> stored(Layout layout, Scheme scheme, DType scale, long... dims) {
        return Quantizers.of(scheme, ScaleRule.EVEN, scale).parts(Shape.of(dims)).stream()
                .map(part -> layout.stored("l.weight", part))
                .toList();
    }

    private static TensorInfo tensor(String name, DType dtype, long... dims) {
        return new TensorInfo(name, dtype, Shape.of(dims));
    }

    @Test
    void compressedTensors() {
        Layout ct = Layout.COMPRESSED_TENSORS;
        assertThat(stored(ct, Scheme.FP8, DType.BF16, 130, 256))
                .containsExactly(
                        tensor("l.weight", DType.F8_E4M3, 130, 256), tensor("l.weight_scale", DType.BF16, 130, 1));
        assertThat(stored(ct, Scheme.FP8_E5M2, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight", DType.F8_E5M2, 130, 256), tensor("l.weight_scale", DType.F32, 130, 1));
        assertThat(stored(ct, Scheme.FP8_TENSOR, DType.F32, 130, 256))
                .containsExactly(tensor("l.weight", DType.F8_E4M3, 130, 256), tensor("l.weight_scale", DType.F32, 1));
        assertThat(stored(ct, Scheme.FP8_BLOCK, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight", DType.F8_E4M3, 130, 256), tensor("l.weight_scale", DType.F32, 2, 2));
        assertThat(stored(ct, Scheme.INT8, DType.F16, 130, 256))
                .containsExactly(tensor("l.weight", DType.I8, 130, 256), tensor("l.weight_scale", DType.F16, 130, 1));
        assertThat(stored(ct, Scheme.INT4, DType.F16, 130, 256))
                .containsExactly(
                        tensor("l.weight_packed", DType.I32, 130, 32),
                        tensor("l.weight_scale", DType.F16, 130, 2),
                        tensor("l.weight_shape", DType.I64, 2));
        assertThat(stored(ct, Scheme.MXFP8, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight", DType.F8_E4M3, 130, 256), tensor("l.weight_scale", DType.U8, 130, 8));
        for (Scheme fp6 : List.of(Scheme.MXFP6_E2M3, Scheme.MXFP6_E3M2)) {
            assertThat(stored(ct, fp6, DType.F32, 130, 256))
                    .containsExactly(
                            tensor("l.weight_packed", DType.U8, 130, 192), tensor("l.weight_scale", DType.U8, 130, 8));
        }
        assertThat(stored(ct, Scheme.MXFP4, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight_packed", DType.U8, 130, 128), tensor("l.weight_scale", DType.U8, 130, 8));
        assertThat(stored(ct, Scheme.NVFP4, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight_packed", DType.U8, 130, 128),
                        tensor("l.weight_scale", DType.F8_E4M3, 130, 16),
                        tensor("l.weight_global_scale", DType.F32, 1));
    }

    @Test
    void modelOpt() {
        assertThat(stored(Layout.MODELOPT, Scheme.NVFP4, DType.F32, 4, 64))
                .containsExactly(
                        tensor("l.weight", DType.U8, 4, 32),
                        tensor("l.weight_scale", DType.F8_E4M3, 4, 4),
                        tensor("l.weight_scale_2", DType.F32));
        assertThat(stored(Layout.MODELOPT, Scheme.FP8_TENSOR, DType.F32, 4, 64))
                .containsExactly(tensor("l.weight", DType.F8_E4M3, 4, 64), tensor("l.weight_scale", DType.F32));
        assertThat(stored(Layout.MODELOPT, Scheme.FP8, DType.F32, 4, 64))
                .containsExactly(tensor("l.weight", DType.F8_E4M3, 4, 64), tensor("l.weight_scale", DType.F32, 4));
        assertThat(stored(Layout.MODELOPT, Scheme.MXFP8, DType.F32, 4, 32))
                .containsExactly(tensor("l.weight", DType.F8_E4M3, 4, 32), tensor("l.weight_scale", DType.U8, 4, 1));
    }

    @Test
    void gptOss() {
        var quantizer = Quantizers.of(Scheme.MXFP4, ScaleRule.EVEN, DType.F32);
        assertThat(quantizer.parts(Shape.of(3, 4, 64)).stream()
                        .map(p -> Layout.GPT_OSS.stored("mlp.experts.gate_up_proj", p))
                        .toList())
                .containsExactly(
                        tensor("mlp.experts.gate_up_proj_blocks", DType.U8, 3, 4, 2, 16),
                        tensor("mlp.experts.gate_up_proj_scales", DType.U8, 3, 4, 2));
    }

    @Test
    void deepSeek() {
        assertThat(stored(Layout.DEEPSEEK, Scheme.FP8_BLOCK, DType.F32, 130, 256))
                .containsExactly(
                        tensor("l.weight", DType.F8_E4M3, 130, 256), tensor("l.weight_scale_inv", DType.F32, 2, 2));
    }

    @Test
    void onlyModelOptMultipliesByTheGlobalScale() {
        for (Layout layout : Layout.values()) {
            assertThat(layout.globalScale())
                    .isEqualTo(layout == Layout.MODELOPT ? GlobalScale.Use.MULTIPLIES : GlobalScale.Use.DIVIDES);
        }
    }

    @Test
    void labels() {
        for (Layout layout : Layout.values()) {
            assertThat(Layout.byLabel(layout.label())).contains(layout);
        }
        assertThat(Layout.byLabel("awq")).isEmpty();
    }
}
