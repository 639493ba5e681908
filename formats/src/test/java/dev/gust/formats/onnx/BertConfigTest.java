package dev.gust.formats.onnx;

import static dev.gust.formats.onnx.ProtoBuilder.attribute;
import static dev.gust.formats.onnx.ProtoBuilder.constant;
import static dev.gust.formats.onnx.ProtoBuilder.counting;
import static dev.gust.formats.onnx.ProtoBuilder.graph;
import static dev.gust.formats.onnx.ProtoBuilder.model;
import static dev.gust.formats.onnx.ProtoBuilder.node;
import static dev.gust.formats.onnx.ProtoBuilder.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.file.ParserFuzz;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BertConfigTest {
    private static final int HIDDEN = 4;
    private static final int INNER = 6;

    @TempDir
    Path folder;

    private final List<ProtoBuilder> nodes = new ArrayList<>();
    private final Map<String, ProtoBuilder> weights = new LinkedHashMap<>();

    private void weight(String name, int... dims) {
        weights.put(name, counting(name, dims));
    }

    @BeforeEach
    void twoLayers() {
        build("");
    }

    private void build(String prefix) {
        weights.clear();
        weight(prefix + "embeddings.word_embeddings.weight", 11, HIDDEN);
        weight(prefix + "embeddings.position_embeddings.weight", 7, HIDDEN);
        weight(prefix + "embeddings.token_type_embeddings.weight", 2, HIDDEN);
        for (String layer : List.of(prefix + "encoder.layer.0.", prefix + "encoder.layer.1.")) {
            weight(layer + "attention.self.query.weight", HIDDEN, HIDDEN);
            weight(layer + "attention.self.key.weight", HIDDEN, HIDDEN);
            weight(layer + "attention.self.value.weight", HIDDEN, HIDDEN);
            weight(layer + "attention.output.dense.weight", HIDDEN, HIDDEN);
            weight(layer + "intermediate.dense.weight", INNER, HIDDEN);
            weight(layer + "output.dense.weight", HIDDEN, INNER);
        }
    }

    private Optional<ObjectNode> derive() throws IOException {
        Path path = folder.resolve("x.onnx");
        Files.write(path, model(graph(nodes, List.copyOf(weights.values()))));
        try (var source = OnnxFile.open(path)) {
            return BertConfig.derive(source);
        }
    }

    private static ProtoBuilder reshape(String shape) {
        return node("Reshape", "/encoder/layer.0/attention/self/Reshape", List.of("x", shape), "y");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "bert."})
    void leavesOutWhatTheGraphDoesNotSay(String prefix) throws IOException {
        build(prefix);
        assertThat(derive().orElseThrow())
                .hasToString("{\"architectures\":[\"BertModel\"],\"hidden_size\":4,\"intermediate_size\":6,"
                        + "\"max_position_embeddings\":7,\"model_type\":\"bert\",\"num_hidden_layers\":2,"
                        + "\"torch_dtype\":\"float32\",\"type_vocab_size\":2,\"vocab_size\":11}");
    }

    @Test
    void findsHeadsInAConstantShapeOfAnyEncoding() throws IOException {
        nodes.add(constant("shape", tensor("", OnnxType.INT64, 4).packed(7, 0, -1, 2, 2)));
        nodes.add(reshape("shape"));
        // The way back to [batch, tokens, hidden] says nothing about heads, and neither does another module.
        nodes.add(constant("back", tensor("", OnnxType.INT64, 3).packed(7, 0, -1, 4)));
        nodes.add(reshape("back"));
        nodes.add(constant("other", tensor("", OnnxType.INT64, 4).packed(7, 0, -1, 4, 1)));
        nodes.add(node("Reshape", "/pooler/Reshape", List.of("x", "other"), "z"));
        assertThat(derive().orElseThrow().path("num_attention_heads").asInt()).isEqualTo(2);
    }

    @Test
    void doesNotReadWeightsAsShapes() throws IOException {
        nodes.add(constant("huge", tensor("", OnnxType.INT64, 4).packed(7, new long[5000])));
        nodes.add(reshape("huge"));
        nodes.add(constant("lying", tensor("", OnnxType.INT64, 4).packed(7, new long[40])));
        nodes.add(reshape("lying"));
        nodes.add(constant("broken", tensor("", OnnxType.INT64, 4).bytes(9, new byte[7])));
        nodes.add(reshape("broken"));
        assertThat(derive().orElseThrow().has("num_attention_heads")).isFalse();
    }

    @Test
    void doesNotChooseBetweenLayersThatDisagree() throws IOException {
        nodes.add(constant("two", tensor("", OnnxType.INT64, 4).packed(7, 0, -1, 2, 2)));
        nodes.add(constant("four", tensor("", OnnxType.INT64, 4).packed(7, 0, -1, 4, 1)));
        nodes.add(reshape("two"));
        nodes.add(reshape("four"));
        nodes.add(node(
                "LayerNormalization",
                "",
                List.of("x"),
                "a",
                attribute("epsilon").fixed32(2, 1e-6f)));
        nodes.add(node("LayerNormalization", "", List.of("x"), "b"));
        nodes.add(node("Erf", "/encoder/layer.0/intermediate/act/Erf", List.of("x"), "c"));
        nodes.add(node("Relu", "/encoder/layer.1/intermediate/act/Relu", List.of("x"), "d"));
        ObjectNode config = derive().orElseThrow();
        assertThat(config.has("num_attention_heads")).isFalse();
        assertThat(config.has("layer_norm_eps")).isFalse();
        assertThat(config.has("hidden_act")).isFalse();
    }

    @Test
    void readsEpsilonOfTheOperator() throws IOException {
        nodes.add(node(
                "LayerNormalization",
                "",
                List.of("x"),
                "a",
                attribute("epsilon").fixed32(2, 1e-6f)));
        assertThat(derive().orElseThrow().path("layer_norm_eps").asDouble()).isEqualTo(1e-6);
    }

    @Test
    void survivesDamage() throws IOException {
        nodes.add(constant("two", tensor("", OnnxType.INT64).packed(7, 2)));
        nodes.add(node("Concat", "", List.of("b", "t", "two", "two"), "shape"));
        nodes.add(reshape("shape"));
        nodes.add(constant("eps", tensor("", OnnxType.FLOAT).fixed32(4, 1e-12f)));
        nodes.add(node("Add", "", List.of("v", "eps"), "sum"));
        nodes.add(node("Sqrt", "", List.of("sum"), "root"));
        ObjectNode config = derive().orElseThrow();
        assertThat(config.path("num_attention_heads").asInt()).isEqualTo(2);
        assertThat(config.path("layer_norm_eps").asDouble()).isEqualTo(1e-12);
        byte[] good = Files.readAllBytes(folder.resolve("x.onnx"));
        int refused = ParserFuzz.run(good, folder.resolve("bad.onnx"), 3, 500, 4 << 20, path -> {
            OnnxFile source = OnnxFile.open(path);
            try {
                BertConfig.derive(source);
                return source;
            } catch (RuntimeException e) {
                source.close();
                throw e;
            }
        });
        assertThat(refused).isBetween(50, 499);
    }

    @Test
    void isNotFooledByLookalikes() throws IOException {
        nodes.add(node("CumSum", "/embeddings/CumSum", List.of("x"), "a"));
        assertThat(derive()).as("positions counted from the padding").isEmpty();
        nodes.clear();
        weight("embeddings.token_type_embeddings.weight", 1, HIDDEN);
        assertThat(derive()).as("one token type").isEmpty();
        build("");
        weight("encoder.layer.1.output.dense.weight", INNER, HIDDEN);
        assertThat(derive()).as("a layer of another shape").isEmpty();
        build("");
        weights.remove("embeddings.position_embeddings.weight");
        assertThat(derive()).as("no learned positions").isEmpty();
        weights.clear();
        assertThat(derive()).as("nothing").isEmpty();
    }
}
