package dev.gust.formats.weight;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.gust.formats.layout.LowRankConfig;
import dev.gust.formats.scheme.Scheme;
import java.util.Map;
import java.util.Optional;

/**
 * The schemes that a file says its weights have: one for all, or, where weights are factors and what these leave, one for
 * either. They are needed where tensors alone do not tell.
 *
 * @param weights of weights and residuals
 * @param factors of factors
 */
record DeclaredSchemes(Optional<Scheme> weights, Optional<Scheme> factors) {
    private static final JsonMapper JSON = new JsonMapper();

    /**
     * Reads the metadata.
     *
     * @param config what the model's configuration says; it counts where the metadata says nothing
     */
    static DeclaredSchemes of(Map<String, String> metadata, Optional<Scheme> config) {
        JsonNode lowRank = lowRank(metadata.getOrDefault(LowRankConfig.METADATA_KEY, ""));
        Optional<Scheme> all = config.or(
                () -> Optional.ofNullable(metadata.get(LogicalModel.SCHEME_KEY)).flatMap(Scheme::byLabel));
        return new DeclaredSchemes(
                scheme(lowRank.path(LowRankConfig.RESIDUAL_SCHEME)).or(() -> all),
                scheme(lowRank.path(LowRankConfig.FACTOR_SCHEME)).or(() -> all));
    }

    private static JsonNode lowRank(String text) {
        try {
            return text.isEmpty() ? JSON.nullNode() : JSON.readTree(text);
        } catch (JsonProcessingException e) {
            return JSON.nullNode(); // somebody else's text
        }
    }

    private static Optional<Scheme> scheme(JsonNode label) {
        return Scheme.byLabel(label.asText(""));
    }

    /** The scheme of the weight whose codes are in a tensor of that name. */
    Optional<Scheme> of(String tensor) {
        boolean factor = tensor.contains(LowRankWeight.A_SUFFIX + ".") || tensor.contains(LowRankWeight.B_SUFFIX + ".");
        return factor ? factors : weights;
    }
}
