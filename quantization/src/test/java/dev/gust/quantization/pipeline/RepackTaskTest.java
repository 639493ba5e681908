package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.layout.Fp4Blocks;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.audit.ModelAudit;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** MXFP4 and NVFP4 weights between GGUF's blocks and tensors of codes and scales. */
class RepackTaskTest {
    private static final String WEIGHT = Pipelines.LAYER + "self_attn.q_proj.weight";

    @TempDir
    Path temporary;

    @ParameterizedTest
    @CsvSource({"mxfp4, COMPRESSED_TENSORS", "mxfp4, GPT_OSS", "nvfp4, COMPRESSED_TENSORS", "nvfp4, MODELOPT"})
    void partsBecomeBlocksAndKeepTheirValues(String scheme, Layout layout) {
        Path model = Pipelines.folder(temporary.resolve("model"));
        Path parts = temporary.resolve("parts");
        Path blocks = temporary.resolve("blocks.gguf");
        Pipelines.quantize(model, parts, scheme, layout, Pipelines.threads(1));
        Pipelines.convert(parts, blocks);
        try (var before = Pipelines.open(parts);
                var after = Pipelines.open(blocks)) {
            var weight = after.model().find(WEIGHT).orElseThrow();
            assertThat(weight.stored().getFirst().dtype().name()).isEqualToIgnoringCase(scheme);
            assertEqualValues(before, after);
            assertThat(after.input().source().metadata())
                    .containsEntry("general.quantization_version", "2")
                    .doesNotContainKey("gust.scheme");
            assertThat(ModelAudit.of(after.model(), after.input().config(), 1, Progress.NONE))
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mxfp4", "nvfp4"})
    void blocksBecomePartsAnEngineAccepts(String scheme) {
        Path model = Pipelines.folder(temporary.resolve("model"));
        Path blocks = temporary.resolve("blocks.gguf");
        Path parts = temporary.resolve("parts");
        Pipelines.quantize(model, blocks, scheme, Pipelines.threads(1));
        Pipelines.convert(blocks, parts);
        try (var before = Pipelines.open(blocks);
                var after = Pipelines.open(parts)) {
            assertThat(after.model().find(WEIGHT).orElseThrow().encoding())
                    .isInstanceOfSatisfying(
                            TensorEncoding.Quantized.class,
                            q -> assertThat(q.scheme().label()).isEqualTo(scheme));
            assertThat(after.input()
                            .config()
                            .orElseThrow()
                            .path("quantization_config")
                            .path("format")
                            .asText())
                    .isEqualTo(scheme + "-pack-quantized");
            assertEqualValues(before, after);
            // Unlike gust quantize, GGUF has a scale for each tensor: q, k and v keep theirs.
            assertThat(ModelAudit.of(after.model(), after.input().config(), 1, Progress.NONE))
                    .allSatisfy(f -> assertThat(f.problem()).contains("must share its global scale"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"mxfp4", "nvfp4"})
    void thereAndBackIsTheSameBytes(String scheme) {
        Path model = Pipelines.folder(temporary.resolve("model"));
        Path parts = temporary.resolve("parts.safetensors");
        Path blocks = temporary.resolve("blocks.gguf");
        Path again = temporary.resolve("again.safetensors");
        Pipelines.quantize(model, parts, scheme, Pipelines.threads(1));
        Pipelines.convert(parts, blocks);
        Pipelines.convert(blocks, again);
        try (var before = Pipelines.open(parts);
                var after = Pipelines.open(again)) {
            for (String suffix : scheme.equals("nvfp4")
                    ? List.of("_packed", "_scale", "_global_scale")
                    : List.of("_packed", "_scale")) {
                try (Tensor a = before.input().source().open(WEIGHT + suffix);
                        Tensor b = after.input().source().open(WEIGHT + suffix)) {
                    assertThat(a.data().mismatch(b.data())).isEqualTo(-1);
                }
            }
        }
    }

    /** ggml may round a small block's scale to 0, which engines of the other form refuse. */
    @Test
    void vanishedScalesBecomeOnesThatAreNotZero() {
        byte[] block = new byte[DType.NVFP4.blockBytes()];
        Arrays.fill(block, 4, block.length, (byte) 0x3b); // elements 0 to 7 of each group are negative
        block[1] = 0x38; // one of the four scales is 1, the others 0
        try (var arena = Arena.ofConfined()) {
            MemorySegment codes = arena.allocate(64);
            MemorySegment halves = arena.allocate(32);
            MemorySegment packed = arena.allocate(32);
            MemorySegment scales = arena.allocate(4);
            Fp4Blocks.NVFP4.split(MemorySegment.ofArray(block), codes, halves, packed, scales);
            assertThat(scales.toArray(ValueLayout.JAVA_BYTE)).containsExactly(0x20, 0x38, 0x20, 0x20);
            byte[] nibbles = packed.toArray(ValueLayout.JAVA_BYTE);
            byte[] signs = new byte[32];
            for (int group = 0; group < 4; group++) {
                boolean alive = group == 1;
                Arrays.fill(signs, group * 8, group * 8 + 4, (byte) (alive ? 0xbb : 0x88));
                Arrays.fill(signs, group * 8 + 4, group * 8 + 8, (byte) (alive ? 0x33 : 0x00));
            }
            assertThat(nibbles).containsExactly(signs); // −3 · 0 is −0
        }
    }

    @Test
    void aScaleThatIsNoNumberIsRefused() {
        MemorySegment packed = MemorySegment.ofArray(new byte[32]);
        MemorySegment scales = MemorySegment.ofArray(new byte[] {0x30, (byte) 0x7f, 0x30, 0x30});
        Path model = temporary.resolve("model.safetensors");
        new SafetensorsFixture()
                .bytes("a.weight_packed", DType.U8, Shape.of(1, 32), packed)
                .bytes("a.weight_scale", DType.F8_E4M3, Shape.of(1, 4), scales)
                .floats("a.weight_global_scale", new float[] {1}, 1)
                .write(model);
        assertThatThrownBy(() -> Pipelines.convert(model, temporary.resolve("out.gguf")))
                .isInstanceOf(InputException.class)
                .hasMessageContainingAll("a.weight_scale", "scale 1", "NaN");
        assertThat(temporary.resolve("out.gguf")).doesNotExist();
        assertThat(temporary.resolve("out.gguf.partial")).doesNotExist();
    }

    /** Bit for bit, the signs of zeros too. */
    private static void assertEqualValues(Pipelines.Opened before, Pipelines.Opened after) {
        assertThat(after.model().tensors().stream().map(LogicalTensor::name))
                .containsExactlyElementsOf(before.model().tensors().stream()
                        .map(LogicalTensor::name)
                        .toList());
        for (LogicalTensor tensor : before.model().tensors()) {
            if (tensor.shape().elements() > 0 && !tensor.name().equals("positions")) {
                assertThat(Pipelines.values(after.model(), tensor.name()))
                        .as(tensor.name())
                        .isEqualTo(Pipelines.values(before.model(), tensor.name()));
            }
        }
    }
}
