package dev.gust.quantization.audit;

import static dev.gust.quantization.Pipelines.gaussian;
import static dev.gust.quantization.Pipelines.open;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.pipeline.Progress;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelComparisonTest {
    @TempDir
    Path dir;

    private ModelComparison compare(SafetensorsFixture a, SafetensorsFixture b) {
        try (var left = open(a.write(dir.resolve("a.safetensors")));
                var right = open(b.write(dir.resolve("b.safetensors")))) {
            return ModelComparison.of(left.model(), right.model(), 2, Progress.NONE);
        }
    }

    private static SafetensorsFixture file() {
        return new SafetensorsFixture();
    }

    @Test
    void aCopyIsExact() {
        var same =
                compare(file().floats("w", gaussian(1, 3000), 30, 100), file().floats("w", gaussian(1, 3000), 30, 100));
        assertThat(same.overall().sqnrDb()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(same.overall().cosine()).isEqualTo(1, org.assertj.core.data.Offset.offset(1e-12));
        assertThat(same.overall().count()).isEqualTo(3000);
    }

    @Test
    void figuresAreThoseOfTheDefinition() {
        float[] a = {1, 2, 3, -4};
        float[] b = {1, 2.5f, 3, -3};
        var error = compare(file().floats("w", a, 2, 2), file().floats("w", b, 2, 2))
                .overall();
        assertThat(error.sqnrDb()).isCloseTo(10 * Math.log10(30 / 1.25), org.assertj.core.data.Offset.offset(1e-9));
        assertThat(error.mse()).isEqualTo(1.25 / 4);
        assertThat(error.maxAbs()).isEqualTo(1);
        assertThat(error.cosine()).isCloseTo(27 / Math.sqrt(30 * 25.25), org.assertj.core.data.Offset.offset(1e-12));
    }

    @Test
    void missingTensorsAreNamed() {
        var result = compare(
                file().floats("both", gaussian(1, 4)).floats("left", gaussian(2, 4)),
                file().floats("both", gaussian(1, 4)).floats("right", gaussian(3, 4)));
        assertThat(result.onlyInReference()).containsExactly("left");
        assertThat(result.onlyInOther()).containsExactly("right");
        assertThat(result.tensors()).extracting(ModelComparison.Row::name).containsExactly("both");
    }

    @Test
    void nothingInCommonIsAnError() {
        assertThatThrownBy(() -> compare(file().floats("a", gaussian(1, 4)), file().floats("b", gaussian(1, 4))))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no tensor in common");
    }

    @Test
    void otherShapesAreAnError() {
        assertThatThrownBy(() ->
                        compare(file().floats("w", gaussian(1, 6), 2, 3), file().floats("w", gaussian(1, 6), 3, 2)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'w'")
                .hasMessageContaining("[3, 2]")
                .hasMessageContaining("[2, 3]");
    }

    @Test
    void nanIsNoAgreement() {
        var result = compare(file().floats("w", new float[] {1, 2}), file().floats("w", new float[] {1, Float.NaN}));
        assertThat(result.overall().sqnrDb()).isNaN();
        assertThat(result.overall().sqnrDb() >= 0).isFalse();
    }

    @Test
    void integersDoNotCountAmongTheFloats() {
        MemorySegment ids = MemorySegment.ofArray(new byte[] {1, 2, 3, 4});
        MemorySegment others = MemorySegment.ofArray(new byte[] {9, 9, 9, 9});
        var result = compare(
                file().floats("w", gaussian(1, 4)).bytes("ids", DType.U8, Shape.of(4), ids),
                file().floats("w", gaussian(1, 4)).bytes("ids", DType.U8, Shape.of(4), others));
        assertThat(result.tensors()).hasSize(2);
        assertThat(result.overall().error()).isZero();
    }

    @Test
    void emptyAndZeroTensorsAgree() {
        var result = compare(
                file().floats("none", new float[0], 0, 5).floats("zero", new float[8], 2, 4),
                file().floats("none", new float[0], 0, 5).floats("zero", new float[8], 2, 4));
        assertThat(result.overall().sqnrDb()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(result.overall().cosine()).isEqualTo(1);
    }
}
