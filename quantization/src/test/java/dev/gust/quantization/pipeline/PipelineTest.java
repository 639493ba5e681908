package dev.gust.quantization.pipeline;

import static dev.gust.quantization.Pipelines.F32;
import static dev.gust.quantization.Pipelines.LAYER;
import static dev.gust.quantization.Pipelines.MANY_ROWS;
import static dev.gust.quantization.Pipelines.contents;
import static dev.gust.quantization.Pipelines.gaussian;
import static dev.gust.quantization.Pipelines.names;
import static dev.gust.quantization.Pipelines.open;
import static dev.gust.quantization.Pipelines.quantize;
import static dev.gust.quantization.Pipelines.threads;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.audit.ModelComparison;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PipelineTest {
    @TempDir
    Path dir;

    private static float amax(float[]... weights) {
        float max = 0;
        for (float[] weight : weights) {
            for (float x : weight) {
                max = Math.max(max, Math.abs(x));
            }
        }
        return max;
    }

    /** What the scheme itself makes of a weight, in one piece. */
    private static float[] throughScheme(Scheme scheme, float[] weight, Shape shape, float amax) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        try (Arena arena = Arena.ofConfined()) {
            List<MemorySegment> parts = quantizer.parts(shape).stream()
                    .map(Part::byteSize)
                    .map(bytes -> arena.allocate(bytes, 64))
                    .toList();
            MemorySegment floats = arena.allocate(weight.length * 4L, 64);
            MemorySegment.copy(weight, 0, floats, F32, 0, weight.length);
            quantizer.quantize(floats, shape.rows(), shape, amax, parts);
            quantizer.dequantize(parts, shape.rows(), shape.columns(), floats);
            return floats.toArray(F32);
        }
    }

    @ParameterizedTest
    @EnumSource
    void quantizingAndDequantizingGivesTheSchemesOwnValues(Scheme scheme) {
        Path in = Pipelines.folder(dir.resolve("in"));
        Path small = dir.resolve("small");
        Path large = dir.resolve("large.safetensors");
        quantize(in, small, scheme.label(), threads(2));
        Pipelines.dequantize(small, large, DType.F32);
        float[] q = gaussian(2, MANY_ROWS * 128);
        float[] v = gaussian(4, 130 * 128);
        float shared = amax(q, gaussian(3, 16 * 128), v);
        boolean shares = scheme == Scheme.NVFP4;
        assertThat(Pipelines.values(large, LAYER + "self_attn.q_proj.weight"))
                .isEqualTo(throughScheme(scheme, q, Shape.of(MANY_ROWS, 128), shares ? shared : amax(q)));
        assertThat(Pipelines.values(large, LAYER + "self_attn.v_proj.weight"))
                .isEqualTo(throughScheme(scheme, v, Shape.of(130, 128), shares ? shared : amax(v)));
        assertThat(Pipelines.values(large, LAYER + "self_attn.o_proj.weight")).containsOnly(0f);
        assertThat(Pipelines.values(large, "lm_head.weight")).isEqualTo(gaussian(9, 10 * 128));
        try (var opened = open(large)) {
            assertThat(opened.model().quantizations()).isEmpty();
            assertThat(opened.input().source().metadata()).doesNotContainKey("gust.scheme");
            assertThat(opened.model().find("positions").orElseThrow().encoding().label())
                    .isEqualTo("I64");
            assertThat(opened.model().find("model.empty.weight").orElseThrow().shape())
                    .isEqualTo(Shape.of(0, 128));
        }
    }

    @Test
    void whatNoBlockDividesIsCopiedAndSaysWhy() {
        var outcomes = quantize(Pipelines.folder(dir.resolve("in")), dir.resolve("out"), "nvfp4", threads(1));
        var reasons = outcomes.stream()
                .collect(Collectors.toMap(
                        o -> o.task().source().name(), o -> o.task().reason()));
        assertThat(reasons)
                .containsEntry(LAYER + "mlp.down_proj.weight", "K = 7 is not a multiple of 16")
                .containsEntry("model.empty.weight", "no elements")
                .containsEntry("model.embed_tokens.weight", "embedding")
                .containsEntry("lm_head.weight", "output head")
                .containsEntry("positions", "not a float tensor")
                .containsEntry(LAYER + "self_attn.q_proj.weight", "");
        assertThat(Pipelines.values(dir.resolve("out"), LAYER + "mlp.down_proj.weight"))
                .isEqualTo(gaussian(7, 35));
    }

    @ParameterizedTest
    @EnumSource
    void threadsChangeNoByteAndNoFigure(Scheme scheme) {
        Path in = Pipelines.folder(dir.resolve("in"));
        var expected = quantize(in, dir.resolve("1"), scheme.label(), threads(1));
        for (int threads : new int[] {2, 3, 8}) {
            Path out = dir.resolve(String.valueOf(threads));
            var outcomes = quantize(in, out, scheme.label(), threads(threads));
            assertThat(contents(out)).isEqualTo(contents(dir.resolve("1")));
            assertThat(outcomes.stream().map(TensorOutcome::error))
                    .containsExactlyElementsOf(
                            expected.stream().map(TensorOutcome::error).toList());
        }
        assertThat(names(dir)).noneMatch(n -> n.endsWith(".partial"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q6_k", "mxfp4", "nvfp4"})
    void ggufBlocks(String scheme) {
        Path in = Pipelines.llama().write(dir.resolve("in.safetensors"));
        Path out = dir.resolve("out.gguf");
        var outcomes = quantize(in, out, scheme, threads(3));
        quantize(in, dir.resolve("other.gguf"), scheme, threads(1));
        assertThat(contents(out)).isEqualTo(contents(dir.resolve("other.gguf")));
        try (var opened = open(out);
                var original = open(in)) {
            var compared = ModelComparison.of(original.model(), opened.model(), 2, Progress.NONE);
            assertThat(compared.onlyInReference()).isEmpty();
            assertThat(compared.onlyInOther()).isEmpty();
            for (ModelComparison.Row row : compared.tensors()) {
                TensorOutcome outcome = outcome(outcomes, row.name());
                if (outcome.task().isLossy()) {
                    assertThat(outcome.error()).as(row.name()).isEqualTo(row.error());
                    assertThat(row.error().sqnrDb()).as(row.name()).isGreaterThan(12);
                } else {
                    assertThat(row.error().error()).as(row.name()).isZero();
                }
            }
            // K = 128 is half a block of 256: the next larger type without such blocks takes it.
            String q = opened.model()
                    .find(LAYER + "self_attn.q_proj.weight")
                    .orElseThrow()
                    .encoding()
                    .label();
            assertThat(q)
                    .isEqualTo(
                            switch (scheme) {
                                case "q4_k" -> "Q5_0";
                                case "q6_k" -> "Q8_0";
                                default -> scheme.toUpperCase(java.util.Locale.ROOT);
                            });
            assertThat(opened.input().source().metadata()).containsEntry("general.quantization_version", "2");
        }
    }

    private static TensorOutcome outcome(List<TensorOutcome> outcomes, String name) {
        return outcomes.stream()
                .filter(o -> o.task().source().name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @EnumSource
    void reportedErrorsAreThoseOfAComparison(Scheme scheme) {
        Path in = Pipelines.folder(dir.resolve("in"));
        for (Layout layout : Layout.values()) {
            if (!layout.stores(scheme) || layout == Layout.DEEPSEEK) {
                continue;
            }
            Path out = dir.resolve(layout.label());
            var outcomes = quantize(in, out, scheme.label(), layout, threads(2));
            try (var before = open(in);
                    var after = open(out)) {
                var compared = ModelComparison.of(before.model(), after.model(), 3, Progress.NONE);
                assertThat(compared.onlyInReference()).isEmpty();
                assertThat(compared.onlyInOther()).isEmpty();
                for (ModelComparison.Row row : compared.tensors()) {
                    TensorOutcome outcome = outcome(outcomes, row.name());
                    if (outcome.task().isLossy()) {
                        assertThat(outcome.error()).as(row.name()).isEqualTo(row.error());
                    }
                }
            }
        }
    }

    @Test
    void fusedWeightsShareTheirGlobalScale() {
        Path in = Pipelines.folder(dir.resolve("in"));
        Path tensors = dir.resolve("ct");
        Path modelOpt = dir.resolve("mo");
        quantize(in, tensors, "nvfp4", threads(2));
        quantize(in, modelOpt, "nvfp4", Layout.MODELOPT, threads(2));
        float expected = 448f * 6 / amax(gaussian(2, MANY_ROWS * 128), gaussian(3, 16 * 128), gaussian(4, 130 * 128));
        for (String layer : List.of("q_proj", "k_proj", "v_proj")) {
            assertThat(Pipelines.values(tensors, LAYER + "self_attn." + layer + ".weight"))
                    .isNotEmpty();
            assertThat(stored(tensors, LAYER + "self_attn." + layer + ".weight_global_scale"))
                    .containsExactly(expected);
            assertThat(stored(modelOpt, LAYER + "self_attn." + layer + ".weight_scale_2"))
                    .containsExactly(1 / expected);
        }
        float gate = stored(tensors, LAYER + "mlp.gate_proj.weight_global_scale")[0];
        assertThat(gate).isEqualTo(448f * 6 / amax(gaussian(5, 8 * 256), gaussian(6, 8 * 256)));
        assertThat(stored(tensors, LAYER + "mlp.up_proj.weight_global_scale")).containsExactly(gate);
    }

    @Test
    void otherSchemesShareNothing() {
        Path in = Pipelines.folder(dir.resolve("in"));
        quantize(in, dir.resolve("out"), "fp8-tensor", threads(2));
        assertThat(stored(dir.resolve("out"), LAYER + "self_attn.k_proj.weight_scale"))
                .containsExactly(amax(gaussian(3, 16 * 128)) / 448);
    }

    private static float[] stored(Path path, String name) {
        try (var opened = open(path);
                var tensor = opened.input().source().open(name)) {
            return tensor.data().toArray(F32);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void whatIsNotFiniteIsRefusedWithItsPlace(float bad) throws IOException {
        for (String scheme : List.of("fp8", "fp8-tensor", "fp8-block", "mxfp4", "nvfp4", "int4")) {
            float[] weight = gaussian(2, MANY_ROWS * 128);
            weight[2000 * 128 + 77] = bad;
            weight[2500 * 128] = bad;
            Path in = new SafetensorsFixture()
                    .floats("a.weight", gaussian(1, 128 * 128), 128, 128)
                    .floats("b.weight", weight, MANY_ROWS, 128)
                    .write(dir.resolve("bad.safetensors"));
            Path out = dir.resolve("out-" + scheme);
            assertThatThrownBy(() -> quantize(in, out, scheme, threads(3)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("bad.safetensors")
                    .hasMessageContaining("'b.weight'")
                    .hasMessageContaining("[2000, 77]");
            assertThat(names(dir)).containsExactly("bad.safetensors");
            Files.delete(in);
        }
    }

    @Test
    void valuesTooLargeForTheTypeAreRefused() {
        float[] weight = gaussian(1, 64);
        weight[33] = 70000;
        Path in = new SafetensorsFixture().floats("a.weight", weight, 2, 32).write(dir.resolve("in.safetensors"));
        assertThatThrownBy(() -> Pipelines.dequantize(in, dir.resolve("half"), DType.F16))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'a.weight'")
                .hasMessageContaining("[1, 1]");
        weight[33] = 1e9f;
        new SafetensorsFixture().floats("a.weight", weight, 2, 32).write(in);
        assertThatThrownBy(() -> quantize(in, dir.resolve("out.gguf"), "q8_0", threads(1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("[1, 1]");
        assertThat(names(dir)).containsExactly("in.safetensors");
        Pipelines.dequantize(in, dir.resolve("wide"), DType.BF16);
        assertThat(Pipelines.values(dir.resolve("wide"), "a.weight")[33])
                .isEqualTo(1e9f, org.assertj.core.data.Offset.offset(4e6f));
    }

    @Test
    void nanSurvivesWhereNothingIsQuantized() {
        float[] norm = gaussian(1, 128);
        norm[5] = Float.NaN;
        norm[6] = Float.NEGATIVE_INFINITY;
        Path in = new SafetensorsFixture()
                .floats("norm.weight", norm, 128)
                .floats("a.weight", gaussian(2, 256), 2, 128)
                .write(dir.resolve("in.safetensors"));
        quantize(in, dir.resolve("out.safetensors"), "int8", threads(1));
        assertThat(Pipelines.values(dir.resolve("out.safetensors"), "norm.weight"))
                .isEqualTo(norm);
        Pipelines.dequantize(in, dir.resolve("f16.safetensors"), DType.F16);
        assertThat(Pipelines.values(dir.resolve("f16.safetensors"), "norm.weight")[5])
                .isNaN();
    }

    @Test
    void aShardedFolderKeepsItsShardsAndItsFiles() throws IOException {
        Path in = dir.resolve("in");
        Pipelines.write(in, "config.json", "{\"model_type\": \"bert\"}");
        Pipelines.write(in, "tokenizer.json", "{}");
        Pipelines.write(in, "pytorch_model.bin", "old");
        new SafetensorsFixture()
                .floats("a.weight", gaussian(1, 256), 2, 128)
                .write(in.resolve("model-00001-of-00002.safetensors"));
        new SafetensorsFixture()
                .floats("b.weight", gaussian(2, 256), 2, 128)
                .floats("b.bias", gaussian(3, 2), 2)
                .write(in.resolve("model-00002-of-00002.safetensors"));
        Pipelines.write(
                in,
                "model.safetensors.index.json",
                "{\"metadata\":{\"total_size\":2056},\"weight_map\":{\"a.weight\":\"model-00001-of-00002.safetensors\","
                        + "\"b.weight\":\"model-00002-of-00002.safetensors\",\"b.bias\":\"model-00002-of-00002.safetensors\"}}");
        Path out = dir.resolve("out");
        quantize(in, out, "int4", threads(2));
        assertThat(names(out))
                .containsExactly(
                        "config.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "model.safetensors.index.json",
                        "tokenizer.json");
        var index = new com.fasterxml.jackson.databind.ObjectMapper()
                .readTree(Files.readString(out.resolve("model.safetensors.index.json")));
        assertThat(index.path("weight_map").path("b.weight_packed").asText())
                .isEqualTo("model-00002-of-00002.safetensors");
        assertThat(index.path("weight_map").path("a.weight_scale").asText())
                .isEqualTo("model-00001-of-00002.safetensors");
        var config = new com.fasterxml.jackson.databind.ObjectMapper()
                .readTree(Files.readString(out.resolve("config.json")));
        assertThat(config.path("model_type").asText()).isEqualTo("bert");
        assertThat(config.path("quantization_config").path("format").asText()).isEqualTo("pack-quantized");
        Pipelines.dequantize(out, dir.resolve("back"), DType.F16);
        assertThat(names(dir.resolve("back"))).isEqualTo(names(out));
        assertThat(Files.readString(dir.resolve("back/config.json")))
                .doesNotContain("quantization_config")
                .contains("float16");
    }

    @Test
    void whatIsQuantizedIsNotQuantizedAgain() {
        quantize(Pipelines.folder(dir.resolve("in")), dir.resolve("once"), "fp8", threads(1));
        assertThatThrownBy(() -> quantize(dir.resolve("once"), dir.resolve("twice"), "int8", threads(1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("quantized already");
        assertThat(dir.resolve("twice")).doesNotExist();
    }

    @Test
    void partsMustNotTakeAnotherTensorsName() {
        Path in = new SafetensorsFixture()
                .floats("a.weight", gaussian(1, 256), 2, 128)
                .floats("a.weight_scale", gaussian(2, 2), 2)
                .write(dir.resolve("in.safetensors"));
        assertThatThrownBy(() -> quantize(in, dir.resolve("out"), "fp8", threads(1)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("a.weight_scale");
    }

    @Test
    void convertingKeepsEveryBit() {
        Path in = Pipelines.folder(dir.resolve("in"));
        quantize(in, dir.resolve("q"), "mxfp6-e3m2", threads(1));
        Pipelines.convert(dir.resolve("q"), dir.resolve("q.arrow"));
        Pipelines.convert(dir.resolve("q.arrow"), dir.resolve("q.safetensors"));
        Pipelines.convert(dir.resolve("q.safetensors"), dir.resolve("again"));
        assertThat(contents(dir.resolve("again")).get("model.safetensors"))
                .isEqualTo(contents(dir.resolve("q")).get("model.safetensors"));
    }

    @Test
    void buffersStayWithinTheBudget() {
        Path in = Pipelines.folder(dir.resolve("in"));
        try (var opened = open(in)) {
            Path out = dir.resolve("out");
            OutputPlan plan = QuantizationPlanner.plan(
                    opened.input(), opened.model(), Pipelines.request("mxfp4", Layout.COMPRESSED_TENSORS, out), out);
            long piece = 4L * 4 * RowRangeBytes.ELEMENTS;
            assertThat(MemoryBudget.limit(threads(8), plan, "in", 3 * piece).threads())
                    .isEqualTo(3);
            assertThat(MemoryBudget.limit(threads(2), plan, "in", 100 * piece).threads())
                    .isEqualTo(2);
            assertThatThrownBy(() -> MemoryBudget.limit(threads(1), plan, "in", piece - 1))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("q_proj");
        }
    }

    private static final class RowRangeBytes {
        static final long ELEMENTS = dev.gust.formats.weight.RowRange.PIECE_ELEMENTS;
    }

    @Test
    void scaleRulesReachTheBytes() {
        Path in = Pipelines.folder(dir.resolve("in"));
        var seen = new java.util.HashSet<String>();
        for (ScaleRule rule : ScaleRule.values()) {
            Path out = dir.resolve(rule.name());
            var request =
                    QuantizationRequest.of("mxfp4", Optional.of(rule), Optional.empty(), TensorSelection.STANDARD, out);
            Pipelines.run(in, threads(2), (i, m) -> QuantizationPlanner.plan(i, m, request, out));
            seen.add(contents(out).get("model.safetensors"));
        }
        assertThat(seen).hasSize(ScaleRule.values().length);
    }
}
