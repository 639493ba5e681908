package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.quantization.pipeline.QuantizationRequest.Aim;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class QuantizationRequestTest {
    @ParameterizedTest
    @CsvSource({
        "out, FOLDER",
        "out.safetensors, SAFETENSORS",
        "a/b/Out.GGUF, GGUF",
        "x.arrow, ARROW",
        "v1.5, FOLDER",
        "gguf, FOLDER",
        "/, FOLDER"
    })
    void aNameTellsTheContainer(String name, Container container) {
        assertThat(Container.of(Path.of(name))).isEqualTo(container);
    }

    private static QuantizationRequest of(String scheme, String out) {
        return QuantizationRequest.of(
                scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, Path.of(out));
    }

    @ParameterizedTest
    @EnumSource
    void everySchemeHasAName(Scheme scheme) {
        assertThat(QuantizationRequest.schemes()).contains(scheme.label());
        assertThat(of(scheme.label(), "out").aim())
                .isEqualTo(new Aim.Parts(scheme, ScaleRule.EVEN, Layout.COMPRESSED_TENSORS));
    }

    @ParameterizedTest
    @CsvSource({"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k", "mxfp4", "nvfp4"})
    void blocksAreForGguf(String scheme) {
        DType dtype = DType.byName(scheme.toUpperCase(java.util.Locale.ROOT)).orElseThrow();
        assertThat(of(scheme, "out.gguf").aim()).isEqualTo(new Aim.Blocks(dtype));
        assertThat(QuantizationRequest.schemes()).contains(scheme);
    }

    @ParameterizedTest
    @CsvSource({"q4_0, out", "int4, out.gguf", "q3_k, out.gguf", "nonsense, out", "'', out"})
    void contradictionsAreRefused(String scheme, String out) {
        assertThatThrownBy(() -> of(scheme, out))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining(scheme);
    }

    @ParameterizedTest
    @EnumSource
    void rulesAreForMicroscaledSchemes(ScaleRule rule) {
        for (Scheme scheme : Scheme.values()) {
            org.assertj.core.api.ThrowableAssert.ThrowingCallable call = () -> QuantizationRequest.of(
                    scheme.label(), Optional.of(rule), Optional.empty(), TensorSelection.STANDARD, Path.of("out"));
            if (scheme.isMicroscaled()) {
                org.assertj.core.api.Assertions.assertThatCode(call).doesNotThrowAnyException();
            } else {
                assertThatThrownBy(call).isInstanceOf(UsageException.class);
            }
        }
    }

    @Test
    void layoutsHoldTheirSchemes() {
        for (Layout layout : Layout.values()) {
            for (Scheme scheme : Scheme.values()) {
                org.assertj.core.api.ThrowableAssert.ThrowingCallable call = () -> QuantizationRequest.of(
                        scheme.label(),
                        Optional.empty(),
                        Optional.of(layout),
                        TensorSelection.STANDARD,
                        Path.of("out"));
                if (layout.stores(scheme) && layout != Layout.DEEPSEEK) {
                    org.assertj.core.api.Assertions.assertThatCode(call).doesNotThrowAnyException();
                } else {
                    assertThatThrownBy(call).isInstanceOf(UsageException.class);
                }
            }
        }
    }
}
