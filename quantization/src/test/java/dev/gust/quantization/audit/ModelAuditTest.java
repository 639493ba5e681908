package dev.gust.quantization.audit;

import static dev.gust.quantization.Pipelines.F32;
import static dev.gust.quantization.Pipelines.LAYER;
import static dev.gust.quantization.Pipelines.gaussian;
import static dev.gust.quantization.Pipelines.open;
import static dev.gust.quantization.Pipelines.quantize;
import static dev.gust.quantization.Pipelines.threads;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.audit.ModelAudit.Finding;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.TensorSelection;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelAuditTest {
    private static final String Q = LAYER + "self_attn.q_proj.";
    private static final String K = LAYER + "self_attn.k_proj.";

    @TempDir
    Path dir;

    private Path in = Path.of("");

    @BeforeEach
    void model() {
        in = Pipelines.folder(dir.resolve("in"));
    }

    private static List<Finding> audit(Path path) {
        try (var opened = open(path)) {
            return ModelAudit.of(opened.model(), opened.input().config(), 2, Progress.NONE);
        }
    }

    @ParameterizedTest
    @EnumSource
    void whatThePipelineWritesIsSound(Scheme scheme) {
        for (Layout layout : Layout.values()) {
            if (layout.stores(scheme) && layout != Layout.DEEPSEEK) {
                for (String name : List.of("folder", "x.safetensors", "x.arrow")) {
                    Path out = dir.resolve(layout.label() + name);
                    quantize(in, out, scheme.label(), layout, threads(2));
                    assertThat(audit(out)).as("%s", out).isEmpty();
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void soAreExpertsInOneTensor(Scheme scheme) {
        new SafetensorsFixture()
                .floats("experts.weight", gaussian(1, 2 * 4 * 128), 2, 4, 128)
                .write(in.resolve("model.safetensors"));
        Path out = dir.resolve("out");
        var request = QuantizationRequest.of(
                scheme.label(), Optional.empty(), Optional.empty(), new TensorSelection(List.of("*"), List.of()), out);
        Pipelines.run(in, threads(1), (i, m) -> QuantizationPlanner.plan(i, m, request, out));
        assertThat(audit(out)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"q8_0", "q4_k", "mxfp4", "nvfp4"})
    void soIsGguf(String scheme) {
        quantize(in, dir.resolve("x.gguf"), scheme, threads(2));
        assertThat(audit(dir.resolve("x.gguf"))).isEmpty();
    }

    @Test
    void whatIsNotQuantizedCannotBeAudited() {
        assertThatThrownBy(() -> audit(in)).isInstanceOf(InputException.class).hasMessageContaining("is not quantized");
    }

    private Path quantized(String scheme) {
        Path out = dir.resolve("out");
        quantize(in, out, scheme, threads(2));
        return out;
    }

    /** The model again, with its stored tensors changed. */
    private static void rewrite(Path folder, Consumer<Map<TensorInfo, MemorySegment>> damage) {
        var tensors = new LinkedHashMap<TensorInfo, MemorySegment>();
        try (var opened = open(folder)) {
            for (TensorInfo info : opened.input().source().tensors()) {
                try (var tensor = opened.input().source().open(info.name())) {
                    tensors.put(info, MemorySegment.ofArray(tensor.data().toArray(ValueLayout.JAVA_BYTE)));
                }
            }
        }
        damage.accept(tensors);
        var file = new SafetensorsFixture();
        tensors.forEach((info, data) -> file.bytes(info.name(), info.dtype(), info.shape(), data));
        file.write(folder.resolve("model.safetensors"));
    }

    private static TensorInfo named(Map<TensorInfo, MemorySegment> tensors, String name) {
        return tensors.keySet().stream()
                .filter(t -> t.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static void edit(Path folder, String name, Consumer<MemorySegment> change) {
        rewrite(folder, tensors -> {
            MemorySegment data = tensors.get(named(tensors, name));
            change.accept(java.util.Objects.requireNonNull(data));
        });
    }

    private static void assertFound(Path path, String tensor, String problem) {
        assertThat(audit(path)).anySatisfy(f -> {
            assertThat(f.tensor()).isEqualTo(tensor);
            assertThat(f.problem()).contains(problem);
        });
    }

    @ParameterizedTest
    @ValueSource(floats = {0, -1, Float.NaN, Float.POSITIVE_INFINITY})
    void aScaleThatIsNoScale(float bad) {
        Path out = quantized("int8");
        edit(out, K + "weight_scale", d -> d.set(F32, 12, bad));
        assertFound(out, K + "weight_scale", "scale 3 of '" + K + "weight' is " + bad);
    }

    @Test
    void aBlockScaleThatIsNoScale() {
        Path out = quantized("mxfp4");
        edit(out, K + "weight_scale", d -> d.set(ValueLayout.JAVA_BYTE, 7, (byte) 0xFF));
        assertFound(out, K + "weight_scale", "scale 7 of '" + K + "weight' is NaN");
        assertFound(out, K + "weight", "decodes to NaN");
    }

    @Test
    void anEightBitScaleThatIsNoScale() {
        Path out = quantized("nvfp4");
        edit(out, K + "weight_scale", d -> d.set(ValueLayout.JAVA_BYTE, 0, (byte) 0));
        assertFound(out, K + "weight_scale", "scale 0 of '" + K + "weight' is 0.0");
        edit(out, K + "weight_scale", d -> d.set(ValueLayout.JAVA_BYTE, 0, (byte) 0x7F));
        assertFound(out, K + "weight_scale", "scale 0 of '" + K + "weight' is NaN");
    }

    @Test
    void aScaleUnderWhichCodesOverflow() {
        Path out = quantized("mxfp8");
        edit(out, K + "weight_scale", d -> d.fill((byte) 254));
        assertFound(out, K + "weight", "decodes to NaN or infinity");
    }

    @Test
    void aCodeThatIsNoNumber() {
        Path out = quantized("fp8");
        edit(out, K + "weight", d -> d.set(ValueLayout.JAVA_BYTE, 100, (byte) 0x7F));
        assertThat(audit(out)).containsExactly(new Finding(K + "weight", "decodes to NaN or infinity"));
    }

    @Test
    void globalScalesThatDiffer() {
        Path out = quantized("nvfp4");
        edit(out, Q + "weight_global_scale", d -> d.set(F32, 0, 2 * d.get(F32, 0)));
        assertThat(audit(out))
                .containsExactly(new Finding(
                        Q + "weight", "must share its global scale with " + K + "weight, which has another"));
        edit(out, Q + "weight_global_scale", d -> d.set(F32, 0, Float.NaN));
        edit(out, K + "weight_global_scale", d -> d.set(F32, 0, Float.NaN));
        assertFound(out, Q + "weight_global_scale", "is NaN");
        assertThat(audit(out)).noneMatch(f -> f.problem().contains("share its global scale with " + f.tensor()));
    }

    @Test
    void partsThatDoNotFit() {
        Path out = quantized("mxfp4");
        rewrite(out, tensors -> {
            TensorInfo packed = named(tensors, K + "weight_packed");
            tensors.put(
                    new TensorInfo(packed.name(), packed.dtype(), Shape.of(32, 32)),
                    java.util.Objects.requireNonNull(tensors.remove(packed)));
        });
        assertFound(out, K + "weight_packed", "other parts are missing or do not fit");
        assertFound(out, K + "weight_scale", "other parts are missing or do not fit");
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp8", "int8", "mxfp8"})
    void codesWithoutTheirScales(String scheme) {
        Path out = quantized(scheme);
        rewrite(out, tensors -> tensors.remove(named(tensors, K + "weight_scale")));
        assertFound(out, K + "weight", "other parts are missing");
    }

    @Test
    void aShapeThatIsNotThatOfTheCodes() {
        Path out = quantized("int4");
        edit(out, K + "weight_shape", d -> d.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, 120));
        assertThat(audit(out))
                .containsExactly(new Finding(K + "weight_shape", "says [16, 120], but the codes are of [16, 128]"));
    }

    private static void config(Path folder, String from, String to) throws IOException {
        Path config = folder.resolve("config.json");
        String text = Files.readString(config);
        assertThat(text).containsPattern(from);
        Files.writeString(config, text.replaceAll(from, to));
    }

    @Test
    void aConfigurationOfAnotherScheme() throws IOException {
        Path out = quantized("mxfp4");
        config(out, "mxfp4-pack-quantized", "nvfp4-pack-quantized");
        assertFound(out, K + "weight", "format 'nvfp4-pack-quantized'");
    }

    @Test
    void aConfigurationOfAnotherGeometry() throws IOException {
        Path out = quantized("int4");
        config(out, "\"group_size\" : 128", "\"group_size\" : 64");
        assertFound(out, K + "weight", "config_groups");
    }

    @Test
    void aConfigurationOfAnotherLayout() throws IOException {
        Path out = dir.resolve("mo");
        quantize(in, out, "nvfp4", Layout.MODELOPT, threads(1));
        config(out, "W4A16_NVFP4", "FP8");
        assertFound(out, K + "weight", "quant_algo 'FP8'");
        config(out, "modelopt", "compressed-tensors");
        assertFound(out, K + "weight", "quant_method 'compressed-tensors'");
    }

    @Test
    void noConfiguration() throws IOException {
        Path out = quantized("int4");
        Files.writeString(out.resolve("config.json"), "{}");
        assertFound(out, "", "no quantization_config");
        Files.delete(out.resolve("config.json"));
        assertFound(out, "", "no quantization_config");
    }

    @Test
    void aConfigurationOfNothing() throws IOException {
        Path out = quantized("int4");
        Files.copy(
                in.resolve("model.safetensors"),
                out.resolve("model.safetensors"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertFound(out, "", "no weight is stored in a known scheme");
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.layers.0.self_attn.k_proj", "re:.*k_proj", "re:model.layers.0.self_attn.k_pro"})
    void aQuantizedWeightThatEnginesIgnore(String entry) throws IOException {
        Path out = quantized("int4");
        config(out, "\"ignore\" : \\[", "\"ignore\" : [ \"" + entry + "\",");
        assertThat(audit(out))
                .containsExactly(new Finding(K + "weight", "is quantized, but config.json tells engines to ignore it"));
    }

    @Test
    void patternsThatAreNoneIgnoreNothing() throws IOException {
        Path out = quantized("int4");
        config(out, "\"ignore\" : \\[", "\"ignore\" : [ \"re:*(\", 17, null,");
        assertThat(audit(out)).isEmpty();
    }

    @Test
    void aWeightLeftOutInSilence() throws IOException {
        new SafetensorsFixture()
                .floats("model.layers.0.mlp.up_proj.weight", gaussian(1, 256), 2, 128)
                .floats("model.layers.1.mlp.up_proj.weight", gaussian(2, 200), 2, 100)
                .write(in.resolve("model.safetensors"));
        Path out = quantized("int4");
        assertThat(audit(out)).isEmpty();
        config(out, "\"model.layers.1.mlp.up_proj\"", "\"lm_head\"");
        assertThat(audit(out))
                .containsExactly(new Finding(
                        "model.layers.1.mlp.up_proj.weight",
                        "is not quantized, and config.json does not list it under ignore"));
    }

    @Test
    void aGgufBlockThatIsNoNumber() throws IOException {
        Path out = dir.resolve("x.gguf");
        quantize(
                new SafetensorsFixture()
                        .floats("w.weight", gaussian(1, 64), 2, 32)
                        .write(dir.resolve("w.safetensors")),
                out,
                "q8_0",
                threads(1));
        byte[] bytes = Files.readAllBytes(out);
        long at;
        try (var opened = open(out);
                var tensor = opened.input().source().open("w.weight")) {
            at = java.util.Collections.indexOfSubList(
                    boxed(bytes), boxed(tensor.data().toArray(ValueLayout.JAVA_BYTE)));
        }
        bytes[(int) at + 34] = 0;
        bytes[(int) at + 35] = 0x7E; // a NaN in F16, the second block's scale
        Files.write(out, bytes);
        assertThat(audit(out)).containsExactly(new Finding("w.weight", "decodes to NaN or infinity"));
    }

    private static List<Byte> boxed(byte[] bytes) {
        return java.util.stream.IntStream.range(0, bytes.length)
                .mapToObj(i -> bytes[i])
                .toList();
    }

    @Test
    void plainTensorsOfOtherNamesAreNoOrphans() {
        var file = new SafetensorsFixture();
        file.floats("w.weight", gaussian(1, 256), 2, 128)
                .bytes("ids", DType.U8, Shape.of(4), MemorySegment.ofArray(new byte[4]));
        quantize(file.write(dir.resolve("w.safetensors")), dir.resolve("q.safetensors"), "fp8", threads(1));
        assertThat(audit(dir.resolve("q.safetensors"))).isEmpty();
    }
}
