package dev.gust.formats.layout;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.scheme.Scheme;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The {@code quantization_config} by which an engine that loads a Hugging Face folder knows how its weights are stored.
 *
 * <p>Activations are never calibrated here, so a scheme says {@code dynamic} where the ecosystem's preset of that name
 * computes their scales at run time (FP8, INT8), and leaves them in 16 bits where it would need calibrated ones (NVFP4)
 * or where weight-only is the common use (MXFP4, MXFP8, INT4).
 */
public final class QuantizationConfig {
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    /** What of a group's arguments decides how bytes are read. */
    private static final List<String> GEOMETRY =
            List.of("num_bits", "type", "strategy", "group_size", "block_structure");

    private QuantizationConfig() {}

    /**
     * The configuration for a folder.
     *
     * @param scheme the scheme of all quantized weights
     * @param layout the layout they are stored in
     * @param ignored names of linear modules that are not quantized
     */
    public static ObjectNode of(Scheme scheme, Layout layout, List<String> ignored) {
        return switch (layout) {
            case COMPRESSED_TENSORS -> compressedTensors(scheme, ignored);
            case MODELOPT -> modelOpt(scheme, ignored);
            case GPT_OSS -> gptOss(ignored);
            case DEEPSEEK -> throw new IllegalArgumentException("the DeepSeek layout is only read");
        };
    }

    /** The scheme that a configuration declares, where its tensors alone may not tell; of factors, if there are some. */
    public static Optional<Scheme> declaredScheme(ObjectNode config) {
        String format = config.path("quantization_config").path("format").asText("");
        return switch (format) {
            case "mxfp6-e2m3-pack-quantized" -> Optional.of(Scheme.MXFP6_E2M3);
            case "mxfp6-e3m2-pack-quantized" -> Optional.of(Scheme.MXFP6_E3M2);
            case LowRankConfig.FORMAT -> declaredScheme(config.path(LowRankConfig.KEY));
            default -> Optional.empty();
        };
    }

    /** Of factors and residual, if not both are of one that has to be declared: then only the file's metadata tells. */
    private static Optional<Scheme> declaredScheme(JsonNode lowRank) {
        List<Scheme> found = Stream.of(LowRankConfig.FACTOR_SCHEME, LowRankConfig.RESIDUAL_SCHEME)
                .flatMap(key -> Scheme.byLabel(lowRank.path(key).asText("")).stream())
                .filter(scheme -> scheme == Scheme.MXFP6_E2M3 || scheme == Scheme.MXFP6_E3M2)
                .distinct()
                .toList();
        return found.size() == 1 ? Optional.of(found.getFirst()) : Optional.empty();
    }

    /**
     * The name of a scheme's on-disk format (compressed-tensors, {@code CompressionFormat}). The MXFP6 names are ours:
     * that library has no such format.
     */
    public static String format(Scheme scheme) {
        return switch (scheme) {
            case FP8, FP8_TENSOR, FP8_BLOCK, FP8_E5M2 -> "float-quantized";
            case MXFP8 -> "mxfp8-quantized";
            case MXFP6_E2M3 -> "mxfp6-e2m3-pack-quantized";
            case MXFP6_E3M2 -> "mxfp6-e3m2-pack-quantized";
            case MXFP4 -> "mxfp4-pack-quantized";
            case NVFP4 -> "nvfp4-pack-quantized";
            case INT8 -> "int-quantized";
            case INT4 -> "pack-quantized";
        };
    }

    /**
     * What a {@code quantization_config} says that weights of a scheme and layout are not; empty if it describes them,
     * or says nothing of either. Only what decides how bytes are read is compared: other producers' configurations
     * have more in them.
     */
    public static Optional<String> contradiction(JsonNode declared, Scheme scheme, Layout layout) {
        String method = declared.path("quant_method").asText("");
        if (!methods(scheme, layout).contains(method)) {
            return Optional.of("quant_method '" + method + "'");
        }
        String format = declared.path("format").asText("");
        if (!format.isEmpty() && !format.equals("mixed-precision") && !format.equals(format(scheme))) {
            return Optional.of("format '" + format + "'");
        }
        String algorithm = declared.path("quant_algo").asText("");
        if (!algorithm.isEmpty()
                && !algorithm.equals("MIXED_PRECISION")
                && !modelOptAlgorithms(scheme).contains(algorithm)) {
            return Optional.of("quant_algo '" + algorithm + "'");
        }
        JsonNode groups = declared.path("config_groups");
        if (groups.isEmpty()) {
            return Optional.empty();
        }
        ObjectNode expected = weights(scheme);
        for (JsonNode group : groups) {
            JsonNode weights = group.path("weights");
            if (GEOMETRY.stream().allMatch(key -> agree(weights.path(key), expected.path(key)))) {
                return Optional.empty();
            }
        }
        return Optional.of("other weights in every one of config_groups");
    }

    /** A number or word that only one of them has is the other's default. */
    private static boolean agree(JsonNode a, JsonNode b) {
        return a.isMissingNode() || a.isNull() || b.isMissingNode() || a.equals(b);
    }

    private static List<String> methods(Scheme scheme, Layout layout) {
        return switch (layout) {
            // FP8 has the same names and types with all of them: nothing else tells who wrote it.
            case COMPRESSED_TENSORS, MODELOPT ->
                switch (scheme) {
                    case FP8, FP8_TENSOR -> List.of("compressed-tensors", "modelopt", "fp8");
                    case MXFP8 -> List.of("compressed-tensors", "modelopt");
                    case NVFP4 -> List.of(layout.label());
                    default -> List.of(isKnown(scheme) ? "compressed-tensors" : "gust");
                };
            case GPT_OSS -> List.of("mxfp4");
            case DEEPSEEK -> List.of("fp8");
        };
    }

    private static List<String> modelOptAlgorithms(Scheme scheme) {
        return switch (scheme) {
            case NVFP4 -> List.of("NVFP4", "W4A16_NVFP4", "NVFP4_AWQ", "NVFP4_SVD");
            case FP8, FP8_TENSOR, MXFP8 -> List.of(modelOptAlgorithm(scheme));
            default -> List.of();
        };
    }

    /** An engine must refuse what it does not know rather than read one type as another. */
    private static boolean isKnown(Scheme scheme) {
        return scheme != Scheme.MXFP6_E2M3 && scheme != Scheme.MXFP6_E3M2 && scheme != Scheme.FP8_E5M2;
    }

    private static ObjectNode compressedTensors(Scheme scheme, List<String> ignored) {
        ObjectNode config = JSON.objectNode();
        config.put("quant_method", isKnown(scheme) ? "compressed-tensors" : "gust");
        config.put("format", format(scheme));
        config.put("quantization_status", "compressed");
        config.putNull("global_compression_ratio");
        config.putNull("kv_cache_scheme");
        config.set("ignore", names(ignored));
        ObjectNode group = config.putObject("config_groups").putObject("group_0");
        group.putArray("targets").add("Linear");
        group.set("weights", weights(scheme));
        Optional<ObjectNode> activations = activations(scheme);
        activations.ifPresentOrElse(a -> group.set("input_activations", a), () -> group.putNull("input_activations"));
        group.putNull("output_activations");
        group.put("format", format(scheme));
        return config;
    }

    private static ObjectNode weights(Scheme scheme) {
        return switch (scheme) {
            case FP8, FP8_E5M2 -> arguments(8, "float", "channel", false);
            case FP8_TENSOR -> arguments(8, "float", "tensor", false);
            case FP8_BLOCK -> {
                ObjectNode arguments = arguments(8, "float", "block", false);
                arguments.putArray("block_structure").add(128).add(128);
                yield arguments;
            }
            case MXFP8 -> scaledBy(grouped(8, "float", "group", 32), "torch.uint8");
            case MXFP6_E2M3, MXFP6_E3M2 -> scaledBy(grouped(6, "float", "group", 32), "torch.uint8");
            case MXFP4 -> scaledBy(grouped(4, "float", "group", 32), "torch.uint8");
            case NVFP4 -> scaledBy(grouped(4, "float", "tensor_group", 16), "torch.float8_e4m3fn");
            case INT8 -> arguments(8, "int", "channel", false);
            case INT4 -> grouped(4, "int", "group", 128);
        };
    }

    private static Optional<ObjectNode> activations(Scheme scheme) {
        return switch (scheme) {
            case FP8, FP8_TENSOR -> Optional.of(arguments(8, "float", "token", true));
            case FP8_BLOCK -> {
                ObjectNode arguments = arguments(8, "float", "group", true);
                arguments.put("group_size", 128);
                yield Optional.of(arguments);
            }
            case INT8 -> Optional.of(arguments(8, "int", "token", true));
            default -> Optional.empty();
        };
    }

    private static ObjectNode grouped(int bits, String type, String strategy, int size) {
        ObjectNode arguments = arguments(bits, type, strategy, false);
        arguments.put("group_size", size);
        return arguments;
    }

    private static ObjectNode scaledBy(ObjectNode arguments, String dtype) {
        arguments.put("scale_dtype", dtype);
        return arguments;
    }

    private static ObjectNode arguments(int bits, String type, String strategy, boolean dynamic) {
        ObjectNode arguments = JSON.objectNode();
        arguments.put("num_bits", bits);
        arguments.put("type", type);
        arguments.put("strategy", strategy);
        arguments.put("symmetric", true);
        arguments.put("dynamic", dynamic);
        return arguments;
    }

    private static ObjectNode modelOpt(Scheme scheme, List<String> ignored) {
        ObjectNode config = JSON.objectNode();
        config.put("quant_method", "modelopt");
        config.put("quant_algo", modelOptAlgorithm(scheme));
        if (scheme == Scheme.NVFP4 || scheme == Scheme.MXFP8) {
            config.put("group_size", scheme == Scheme.NVFP4 ? 16 : 32);
        }
        config.set("ignore", names(ignored));
        return config;
    }

    /** ModelOpt's own file, {@code hf_quant_config.json}, for the engines that read it instead of config.json. */
    public static ObjectNode modelOptFile(Scheme scheme, List<String> ignored) {
        ObjectNode config = JSON.objectNode();
        config.putObject("producer").put("name", "gust").put("version", "0.1.0");
        ObjectNode quantization = config.putObject("quantization");
        quantization.put("quant_algo", modelOptAlgorithm(scheme));
        quantization.putNull("kv_cache_quant_algo");
        if (scheme == Scheme.NVFP4 || scheme == Scheme.MXFP8) {
            quantization.put("group_size", scheme == Scheme.NVFP4 ? 16 : 32);
        }
        quantization.set("exclude_modules", names(ignored));
        return config;
    }

    /** Names without calibrated activations: ModelOpt's plain NVFP4 and FP8 would expect an input_scale. */
    private static String modelOptAlgorithm(Scheme scheme) {
        return switch (scheme) {
            case FP8 -> "FP8_PER_CHANNEL_PER_TOKEN";
            case FP8_TENSOR -> "FP8";
            case MXFP8 -> "MXFP8";
            case NVFP4 -> "W4A16_NVFP4";
            default -> throw new IllegalArgumentException("ModelOpt has no " + scheme.label());
        };
    }

    private static ObjectNode gptOss(List<String> ignored) {
        ObjectNode config = JSON.objectNode();
        config.put("quant_method", "mxfp4");
        config.set("modules_to_not_convert", names(ignored));
        return config;
    }

    private static ArrayNode names(List<String> names) {
        var array = JSON.arrayNode();
        names.forEach(array::add);
        return array;
    }
}
