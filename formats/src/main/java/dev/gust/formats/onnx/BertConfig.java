package dev.gust.formats.onnx;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.onnx.OnnxModel.Node;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Works out the {@code config.json} of a BERT encoder from its ONNX export, where the export dropped it. Every value is
 * read off the tensors' shapes or the graph's constants; one that cannot be, or on which the layers disagree, is left
 * out rather than guessed.
 */
public final class BertConfig {
    /** Larger than any epsilon in use; a larger constant under a root is something else. */
    private static final float MAX_EPSILON = 1e-2f;

    private final OnnxFile model;
    private final String prefix;
    private final Constants constants;

    private BertConfig(OnnxFile model, String prefix) {
        this.model = model;
        this.prefix = prefix;
        this.constants = new Constants(model.graph(), model.bytes(), model.location());
    }

    /**
     * The config, in the keys of Hugging Face's {@code BertConfig}; empty if this is no BERT encoder. RoBERTa's weights
     * have the same names, but it counts positions from the padding (CumSum) and has one token type.
     */
    public static Optional<ObjectNode> derive(OnnxFile model) {
        boolean countsPositions =
                model.graph().nodes().stream().anyMatch(node -> node.op().equals("CumSum"));
        if (countsPositions) {
            return Optional.empty();
        }
        return List.of("", "bert.").stream()
                .map(prefix -> new BertConfig(model, prefix))
                .flatMap(config -> config.derive().stream())
                .findFirst();
    }

    private Optional<ObjectNode> derive() {
        Optional<TensorInfo> words = matrix("embeddings.word_embeddings.weight");
        Optional<TensorInfo> positions = matrix("embeddings.position_embeddings.weight");
        Optional<TensorInfo> types = matrix("embeddings.token_type_embeddings.weight");
        Optional<TensorInfo> intermediate = matrix("encoder.layer.0.intermediate.dense.weight");
        if (words.isEmpty() || positions.isEmpty() || types.isEmpty() || intermediate.isEmpty()) {
            return Optional.empty();
        }
        long hidden = words.get().shape().columns();
        long inner = intermediate.get().shape().rows();
        int layers = 0;
        while (isLayer(layers, hidden, inner)) {
            layers++;
        }
        boolean consistent = positions.get().shape().columns() == hidden
                && types.get().shape().columns() == hidden
                && types.get().shape().rows() > 1
                && layers > 0
                && model.find(prefix + "encoder.layer." + layers + ".attention.self.query.weight")
                        .isEmpty();
        if (!consistent) {
            return Optional.empty();
        }
        ObjectNode config = JsonNodeFactory.instance.objectNode();
        config.putArray("architectures").add("BertModel");
        activation().ifPresent(name -> config.put("hidden_act", name));
        config.put("hidden_size", hidden);
        config.put("intermediate_size", inner);
        // By way of its text: the shortest decimal of the float, not the double nearest to it.
        epsilon().ifPresent(epsilon -> config.put("layer_norm_eps", Double.parseDouble(Float.toString(epsilon))));
        config.put("max_position_embeddings", positions.get().shape().rows());
        config.put("model_type", "bert");
        heads(hidden).ifPresent(heads -> config.put("num_attention_heads", heads));
        config.put("num_hidden_layers", layers);
        switch (words.get().dtype()) {
            case F32 -> config.put("torch_dtype", "float32");
            case F16 -> config.put("torch_dtype", "float16");
            case BF16 -> config.put("torch_dtype", "bfloat16");
            default -> {}
        }
        config.put("type_vocab_size", types.get().shape().rows());
        config.put("vocab_size", words.get().shape().rows());
        return Optional.of(config);
    }

    private Optional<TensorInfo> matrix(String name) {
        return model.find(prefix + name).filter(tensor -> tensor.shape().rank() == 2);
    }

    private boolean isLayer(int layer, long hidden, long inner) {
        String name = "encoder.layer." + layer + ".";
        return has(name + "attention.self.query.weight", hidden, hidden)
                && has(name + "attention.self.key.weight", hidden, hidden)
                && has(name + "attention.self.value.weight", hidden, hidden)
                && has(name + "attention.output.dense.weight", hidden, hidden)
                && has(name + "intermediate.dense.weight", inner, hidden)
                && has(name + "output.dense.weight", hidden, inner);
    }

    private boolean has(String name, long out, long in) {
        return matrix(name)
                .filter(tensor -> tensor.shape().equals(Shape.of(out, in)))
                .isPresent();
    }

    /** Attention splits its hidden values into heads with a reshape to [batch, tokens, heads, size]. */
    private Optional<Long> heads(long hidden) {
        Map<String, Node> concats = new HashMap<>();
        Set<Long> found = new HashSet<>();
        for (Node node : model.graph().nodes()) {
            if (node.op().equals("Concat") && node.outputs().size() == 1) {
                concats.put(node.outputs().getFirst(), node);
            } else if (node.op().equals("Reshape")
                    && node.inputs().size() == 2
                    && node.name().contains("/attention/")) {
                List<Long> shape = shape(node.inputs().get(1), concats);
                if (shape.size() == 4
                        && shape.get(2) > 0
                        && hidden % shape.get(2) == 0
                        && shape.get(3) == hidden / shape.get(2)) {
                    found.add(shape.get(2));
                }
            }
        }
        return only(found);
    }

    /** A shape whose unknown dimensions are −1: a constant, or put together from constants and measured sizes. */
    private List<Long> shape(String value, Map<String, Node> concats) {
        Node concat = concats.get(value);
        if (concat == null) {
            return constants.integers(value);
        }
        List<Long> shape = new ArrayList<>();
        for (String part : concat.inputs()) {
            List<Long> known = constants.integers(part);
            shape.add(known.size() == 1 ? known.getFirst() : -1L);
        }
        return shape;
    }

    /** A layer norm is one operator, or a chain in which a constant is added under the root. */
    private Optional<Float> epsilon() {
        Map<String, Float> sums = new HashMap<>();
        Set<Float> found = new HashSet<>();
        for (Node node : model.graph().nodes()) {
            switch (node.op()) {
                case "Add" ->
                    node.inputs().stream()
                            .flatMap(input -> constants.real(input).stream())
                            .filter(value -> value > 0 && value <= MAX_EPSILON)
                            .forEach(value -> node.outputs().forEach(output -> sums.put(output, value)));
                case "Sqrt" ->
                    node.inputs().stream()
                            .filter(sums::containsKey)
                            .forEach(input -> found.add(sums.getOrDefault(input, Float.NaN)));
                // 1e-5 is the operator's own default.
                case "LayerNormalization" -> found.add(node.epsilon().orElse(1e-5f));
                default -> {}
            }
        }
        return only(found);
    }

    /** GELU with the error function is spelled out in the graph; other spellings of it are not told apart here. */
    private Optional<String> activation() {
        Set<String> found = new HashSet<>();
        for (Node node : model.graph().nodes()) {
            if (node.name().contains("/intermediate/")) {
                switch (node.op()) {
                    case "Erf" -> found.add("gelu");
                    case "Relu" -> found.add("relu");
                    case "Tanh", "Sigmoid", "Gelu" -> found.add("another");
                    default -> {}
                }
            }
        }
        return only(found).filter(name -> !name.equals("another"));
    }

    private static <T> Optional<T> only(Set<T> found) {
        return found.size() == 1 ? found.stream().findFirst() : Optional.empty();
    }
}
