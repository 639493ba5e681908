package dev.gust.runtime.encoder;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.runtime.layer.Activation;
import java.util.Optional;

/**
 * What of an encoder its weights' shapes do not say.
 *
 * @param heads heads of attention
 * @param epsilon under the root of its layer norms
 * @param activation of the intermediate layer
 */
record EncoderConfig(int heads, double epsilon, Activation.Kind activation) {
    /** What Hugging Face's {@code BertConfig} has where a config says nothing. */
    private static final double DEFAULT_EPSILON = 1e-12;

    /** MiniLM's width, which is not cut into heads of 64 as most are. */
    private static final int MINI_LM = 384;

    private static final int MINI_LM_HEADS = 12;

    private static final int HEAD = 64;

    /**
     * Reads a config.
     *
     * @param location the model, for errors
     * @param config its config.json, if it has one
     * @param hidden width of the model
     * @throws InputException if it describes what is no BERT encoder
     */
    static EncoderConfig of(String location, Optional<ObjectNode> config, int hidden) {
        JsonNode json = config.map(c -> (JsonNode) c).orElse(MissingNode.getInstance());
        String type = json.path("model_type").asText("bert");
        if (!type.equals("bert")) {
            throw InputException.of(
                    location,
                    "its config says model_type " + type,
                    "give an encoder of type bert, such as all-MiniLM-L6-v2; other families count positions or order"
                            + " their layers differently");
        }
        String positions = json.path("position_embedding_type").asText("absolute");
        if (!positions.equals("absolute")) {
            throw InputException.of(
                    location,
                    "its config says position_embedding_type " + positions,
                    "give one with absolute positions");
        }
        int heads = json.path("num_attention_heads").asInt(defaultHeads(hidden));
        if (heads < 1 || hidden % heads != 0) {
            throw InputException.of(
                    location,
                    "a width of " + hidden + " in " + heads + " heads",
                    "give num_attention_heads in config.json, a divisor of hidden_size");
        }
        double epsilon = json.path("layer_norm_eps").asDouble(DEFAULT_EPSILON);
        if (!((float) epsilon > 0 && epsilon < 1)) {
            throw InputException.of(location, "a layer_norm_eps of " + epsilon, "give a small positive number");
        }
        return new EncoderConfig(
                heads, epsilon, activation(location, json.path("hidden_act").asText("gelu")));
    }

    private static int defaultHeads(int hidden) {
        return hidden == MINI_LM ? MINI_LM_HEADS : hidden / HEAD;
    }

    private static Activation.Kind activation(String location, String name) {
        return switch (name) {
            case "gelu" -> Activation.Kind.GELU;
            case "gelu_new", "gelu_pytorch_tanh" -> Activation.Kind.GELU_TANH;
            case "relu" -> Activation.Kind.RELU;
            case "silu", "swish" -> Activation.Kind.SILU;
            default ->
                throw InputException.of(
                        location, "its config says hidden_act " + name, "give gelu, gelu_new, relu or silu");
        };
    }
}
