package dev.gust.formats.layout;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The {@code lowrank_config} of a folder whose layers are products of two factors: how they came about, and which layers
 * they are. Beside it, {@code quantization_config} has a method that no other engine knows, so that one refuses the
 * model instead of running it on the residual, or on newly initialised weights.
 *
 * @param method how the factors were found: {@code svd}, {@code whitened}, {@code asvd} or {@code lord}
 * @param chosenBy how ranks were chosen, by the option's name: rank, energy or budget
 * @param amount the number that goes with it
 * @param calibration name of the calibration file; empty if none was used
 * @param factorScheme scheme of the factors; empty if they are plain
 * @param residualScheme scheme of the residual; empty if there is none
 * @param ranks rank of each layer that has factors, by the layer's name
 * @param dense layers that were looked at and stay one weight, since no rank would have paid
 */
public record LowRankConfig(
        String method,
        String chosenBy,
        double amount,
        Optional<String> calibration,
        Optional<String> factorScheme,
        Optional<String> residualScheme,
        Map<String, Long> ranks,
        List<String> dense) {
    /** Its key in config.json. */
    public static final String KEY = "lowrank_config";

    /** The key under which containers without a config.json keep it, as text. */
    public static final String METADATA_KEY = "gust.lowrank_config";

    /** In it, the scheme of the factors; null if they are plain. */
    public static final String FACTOR_SCHEME = "factor_scheme";

    /** In it, the scheme of the residual; null if there is none. */
    public static final String RESIDUAL_SCHEME = "residual_scheme";

    private static final String ENGINE = "gust";
    static final String FORMAT = "lowrank";

    public LowRankConfig {
        ranks = new LinkedHashMap<>(ranks);
        dense = List.copyOf(dense);
    }

    /** As JSON. */
    public ObjectNode json() {
        ObjectNode node = JsonNodeFactory.instance.objectNode();
        node.put("method", method);
        ObjectNode choice = node.putObject("chosen_by");
        if (amount == Math.rint(amount)) {
            choice.put(chosenBy, (long) amount); // a rank is no 8.0
        } else {
            choice.put(chosenBy, amount);
        }
        putOrNull(node, "calibration", calibration);
        putOrNull(node, FACTOR_SCHEME, factorScheme);
        putOrNull(node, RESIDUAL_SCHEME, residualScheme);
        ObjectNode layers = node.putObject("layers");
        ranks.forEach((layer, rank) -> layers.putObject(layer).put("rank", rank));
        var stays = node.putArray("dense");
        dense.forEach(stays::add);
        return node;
    }

    private static void putOrNull(ObjectNode node, String key, Optional<String> value) {
        value.ifPresentOrElse(v -> node.put(key, v), () -> node.putNull(key));
    }

    /** The {@code quantization_config} that goes with it. */
    public static ObjectNode quantizationConfig() {
        return JsonNodeFactory.instance.objectNode().put("quant_method", ENGINE).put("format", FORMAT);
    }

    /**
     * What a config.json says that a layer's factors are not; empty if it describes them.
     *
     * @param config all of config.json
     * @param layer name of the layer
     * @param rank the rank of its factors
     */
    public static Optional<String> contradiction(ObjectNode config, String layer, long rank) {
        JsonNode declared = config.path(KEY);
        if (declared.isMissingNode()) {
            return Optional.of("nothing of low-rank factors (there is no " + KEY + ")");
        }
        JsonNode engine = config.path("quantization_config").path("quant_method");
        if (!engine.asText("").equals(ENGINE)) {
            return Optional.of("quant_method '" + engine.asText("") + "', so another engine would misread it");
        }
        JsonNode said = declared.path("layers").path(layer).path("rank");
        if (said.isMissingNode()) {
            return Optional.of("nothing of its rank");
        }
        return said.asLong(-1) == rank ? Optional.empty() : Optional.of("rank " + said.asText());
    }

    /** The layers that a config.json says have factors. */
    public static List<String> layers(ObjectNode config) {
        return config.path(KEY).path("layers").properties().stream()
                .map(Map.Entry::getKey)
                .toList();
    }
}
