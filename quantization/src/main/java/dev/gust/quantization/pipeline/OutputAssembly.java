package dev.gust.quantization.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.arrow.ArrowLayout;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.gguf.GgufFile;
import dev.gust.formats.gguf.GgufLayout;
import dev.gust.formats.gguf.GgufValue;
import dev.gust.formats.huggingface.Shard;
import dev.gust.formats.huggingface.ShardIndex;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.layout.LowRankConfig;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.pipeline.OutputPlan.OutputFile;
import dev.gust.quantization.pipeline.QuantizationRequest.Aim;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Puts the tensors that tasks produce into files of the target's container, and adds what belongs beside them. */
final class OutputAssembly {
    /** Size at which a folder's weights are split, as the Hugging Face libraries do by default. */
    private static final long SHARD_BYTES = 5_000_000_000L;

    /** llama.cpp's number for the layout of its quantized blocks. */
    private static final int QUANTIZATION_VERSION = 2;

    /** ModelOpt's own file, for engines that read it instead of config.json. */
    private static final String MODELOPT_FILE = "hf_quant_config.json";

    /** Python writes Infinity and NaN bare into config.json (Mamba's have them) and reads a quoted one as a string. */
    private static final JsonMapper JSON =
            JsonMapper.builder().disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS).build();

    private final ModelInput input;
    private final LogicalModel model;
    private final Path target;
    private final Container container;

    OutputAssembly(ModelInput input, LogicalModel model, Path target) {
        this.input = input;
        this.model = model;
        this.target = target;
        container = Container.of(target);
    }

    OutputPlan assembleQuantized(List<TensorTask> tasks, QuantizationRequest request) {
        Map<String, String> metadata = plainMetadata();
        Map<String, GgufValue> ggufMetadata = ggufMetadata();
        Map<String, byte[]> texts = new TreeMap<>();
        switch (request.aim()) {
            case Aim.Parts(Scheme scheme, var rule, Layout layout) -> {
                metadata.put(LogicalModel.SCHEME_KEY, scheme.label());
                metadata.put("gust.layout", layout.label());
                if (scheme.isMicroscaled()) {
                    metadata.put("gust.scale_rule", rule.name().toLowerCase(Locale.ROOT));
                }
                List<String> ignored = ignored(tasks);
                ObjectNode config = config();
                boolean any = tasks.stream().anyMatch(QuantizeTask.class::isInstance);
                if (any) { // an engine that is told of a quantization expects to find it
                    config.set("quantization_config", QuantizationConfig.of(scheme, layout, ignored));
                }
                texts.put("config.json", json(config));
                if (any && layout == Layout.MODELOPT) {
                    texts.put(MODELOPT_FILE, json(QuantizationConfig.modelOptFile(scheme, ignored)));
                }
            }
            case Aim.Blocks(DType dtype) -> {
                ggufMetadata.put("general.quantization_version", GgufValue.u32(QUANTIZATION_VERSION));
                ggufMetadata.put("general.file_type", GgufValue.u32(fileType(dtype)));
            }
        }
        return assemble(tasks, metadata, ggufMetadata, texts, request.toString());
    }

    /**
     * @param names of weights that are not their layer's name and {@code .weight}, by layer
     * @param request what makes a run another one
     */
    OutputPlan assembleLowRank(
            List<TensorTask> tasks, LowRankConfig lowRank, Map<String, String> names, String request) {
        Map<String, String> metadata = plainMetadata();
        Map<String, GgufValue> ggufMetadata = ggufMetadata();
        metadata.put(LowRankConfig.METADATA_KEY, lowRank.json().toString());
        names.forEach((layer, name) -> metadata.put(LowRankWeight.NAME_KEY + layer, name));
        metadata.forEach((key, value) -> {
            if (key.startsWith("gust.")) {
                ggufMetadata.put(key, GgufValue.text(value));
            }
        });
        ObjectNode config = config();
        config.set(LowRankConfig.KEY, lowRank.json());
        config.set("quantization_config", LowRankConfig.quantizationConfig());
        return assemble(tasks, metadata, ggufMetadata, Map.of("config.json", json(config)), "lowrank " + request);
    }

    OutputPlan assembleDequantized(List<TensorTask> tasks, DType dtype) {
        Map<String, String> metadata = plainMetadata();
        metadata.keySet().removeIf(k -> k.startsWith("gust."));
        Map<String, GgufValue> ggufMetadata = ggufMetadata();
        ggufMetadata.keySet().removeIf(k -> k.startsWith("gust."));
        ggufMetadata.remove("general.quantization_version");
        ggufMetadata.put("general.file_type", GgufValue.u32(fileType(dtype)));
        ObjectNode config = config();
        config.remove("quantization_config");
        config.remove(LowRankConfig.KEY);
        config.put(config.has("dtype") ? "dtype" : "torch_dtype", torchName(dtype)); // renamed in newer versions
        return assemble(tasks, metadata, ggufMetadata, Map.of("config.json", json(config)), "dequantize " + dtype);
    }

    OutputPlan assembleConverted(List<TensorTask> tasks) {
        ObjectNode config = config();
        Map<String, GgufValue> ggufMetadata = ggufMetadata();
        Map<String, byte[]> texts = new TreeMap<>();
        if (!config.has("quantization_config")) {
            // A model from a container without configuration: an engine has to be told how its weights are stored.
            storedScheme(tasks).ifPresent(s -> {
                config.set("quantization_config", QuantizationConfig.of(s.scheme(), s.layout(), ignored(tasks)));
                if (s.layout() == Layout.MODELOPT && !input.carried().containsKey(MODELOPT_FILE)) {
                    texts.put(MODELOPT_FILE, json(QuantizationConfig.modelOptFile(s.scheme(), ignored(tasks))));
                }
            });
        }
        putLowRank(config);
        texts.put("config.json", json(config));
        for (TensorTask task : tasks) {
            if (task instanceof RepackTask repack && repack.toBlocks()) {
                ggufMetadata.keySet().removeIf(k -> k.startsWith("gust.")); // it spoke of the parts
                ggufMetadata.put("general.quantization_version", GgufValue.u32(QUANTIZATION_VERSION));
                ggufMetadata.put(
                        "general.file_type",
                        GgufValue.u32(fileType(repack.form().block())));
            }
        }
        return assemble(tasks, plainMetadata(), ggufMetadata, texts, "convert");
    }

    /** A model from a container without configuration may have that of its factors in the metadata. */
    private void putLowRank(ObjectNode config) {
        String text = input.source().metadata().getOrDefault(LowRankConfig.METADATA_KEY, "");
        if (text.isEmpty() || config.has(LowRankConfig.KEY)) {
            return;
        }
        try {
            config.set(LowRankConfig.KEY, JSON.readTree(text));
            config.set("quantization_config", LowRankConfig.quantizationConfig());
        } catch (JsonProcessingException e) {
            // Somebody else's text: verify says what is missing.
        }
    }

    private record Stored(Scheme scheme, Layout layout) {}

    /** The scheme and layout of all quantized weights that tasks leave; empty if there are none, or several. */
    private static Optional<Stored> storedScheme(List<TensorTask> tasks) {
        List<Stored> found = tasks.stream()
                .flatMap(task -> switch (task) {
                    case RepackTask repack
                    when !repack.toBlocks() ->
                        Stream.of(new Stored(repack.form().scheme(), repack.layout()));
                    case CopyTask(var source, var _)
                    when source.encoding() instanceof TensorEncoding.Quantized(var scheme, var layout, var _, var _) ->
                        Stream.of(new Stored(scheme, layout));
                    default -> Stream.<Stored>empty();
                })
                .distinct()
                .toList();
        return found.size() == 1 && found.getFirst().layout() != Layout.DEEPSEEK
                ? Optional.of(found.getFirst())
                : Optional.empty();
    }

    private OutputPlan assemble(
            List<TensorTask> tasks,
            Map<String, String> metadata,
            Map<String, GgufValue> ggufMetadata,
            Map<String, byte[]> texts,
            String request) {
        List<TensorInfo> outputs =
                tasks.stream().flatMap(t -> t.outputs().stream()).toList();
        refuseDuplicates(outputs);
        putDivisors(tasks, metadata, ggufMetadata);
        List<OutputFile> files;
        try {
            files = files(tasks, outputs, metadata, ggufMetadata);
        } catch (UsageException e) { // a layout knows what its container cannot hold, but not whose tensor it is
            throw InputException.of(
                    model.source().location(), "does not fit in " + target.getFileName() + ": " + e.getMessage(), "");
        }
        boolean folder = container == Container.FOLDER;
        var small = new TreeMap<String, byte[]>();
        if (folder) {
            small.putAll(texts);
            if (files.size() > 1) {
                List<Shard> shards = files.stream()
                        .map(f -> new Shard(f.name(), f.tensors()))
                        .toList();
                small.put(ShardIndex.FILE, ShardIndex.render(shards).getBytes(StandardCharsets.UTF_8));
            }
        }
        return new OutputPlan(
                target, folder, files, tasks, small, folder ? input.carried() : Map.of(), fingerprint(request, files));
    }

    /** The exact global scales of the NVFP4 blocks that the output will have, instead of those the input had. */
    private static void putDivisors(
            List<TensorTask> tasks, Map<String, String> metadata, Map<String, GgufValue> ggufMetadata) {
        metadata.keySet().removeIf(k -> k.startsWith(LogicalModel.GLOBAL_SCALE_KEY));
        ggufMetadata.keySet().removeIf(k -> k.startsWith(LogicalModel.GLOBAL_SCALE_KEY));
        for (TensorTask task : tasks) {
            divisor(task).ifPresent(divisor -> {
                String key = LogicalModel.GLOBAL_SCALE_KEY + task.source().name();
                metadata.put(key, Float.toString(divisor));
                ggufMetadata.put(key, GgufValue.f32(divisor));
            });
        }
    }

    private static Optional<Float> divisor(TensorTask task) {
        return switch (task) {
            case RepackTask repack -> repack.divisor();
            case CopyTask(var source, var _)
            when source.encoding() instanceof TensorEncoding.Scaled(var _, var scale)
                    && scale.use() == GlobalScale.Use.DIVIDES -> Optional.of(scale.value());
            default -> Optional.empty();
        };
    }

    private List<OutputFile> files(
            List<TensorTask> tasks,
            List<TensorInfo> outputs,
            Map<String, String> metadata,
            Map<String, GgufValue> ggufMetadata) {
        String file = String.valueOf(target.getFileName());
        return switch (container) {
            case SAFETENSORS -> {
                refuse(outputs, DType.Kind.BLOCK, "safetensors has no type");
                yield List.of(new OutputFile(file, SafetensorsLayout.of(outputs, metadata)));
            }
            case GGUF -> List.of(new OutputFile(file, GgufLayout.of(outputs, ggufMetadata)));
            case ARROW -> List.of(new OutputFile(file, ArrowLayout.of(outputs, metadata)));
            case FOLDER -> {
                refuse(outputs, DType.Kind.BLOCK, "safetensors has no type");
                yield shards(tasks, metadata);
            }
        };
    }

    /** Tensors stay in the shard they came in; a model of one file is split only where it is too large for one. */
    private List<OutputFile> shards(List<TensorTask> tasks, Map<String, String> metadata) {
        var groups = new LinkedHashMap<String, List<TensorInfo>>();
        if (input.shards().isEmpty()) {
            int shard = 0;
            long bytes = 0;
            for (TensorTask task : tasks) {
                long size =
                        task.outputs().stream().mapToLong(TensorInfo::byteSize).sum();
                if (bytes > 0 && bytes + size > SHARD_BYTES) {
                    shard++;
                    bytes = 0;
                }
                bytes += size;
                groups.computeIfAbsent(String.valueOf(shard), _ -> new ArrayList<>())
                        .addAll(task.outputs());
            }
        } else {
            new TreeMap<>(input.shards())
                    .values().stream().distinct().sorted().forEach(name -> groups.put(name, new ArrayList<>()));
            for (TensorTask task : tasks) {
                String shard =
                        input.shards().get(task.source().stored().getFirst().name());
                groups.computeIfAbsent(String.valueOf(shard), _ -> new ArrayList<>())
                        .addAll(task.outputs());
            }
            groups.values().removeIf(List::isEmpty);
        }
        if (groups.size() <= 1) {
            List<TensorInfo> all =
                    groups.values().stream().flatMap(List::stream).toList();
            return List.of(new OutputFile(Shard.SINGLE, SafetensorsLayout.of(all, metadata)));
        }
        var files = new ArrayList<OutputFile>();
        for (List<TensorInfo> group : groups.values()) {
            String name = Shard.fileName(files.size() + 1, groups.size());
            files.add(new OutputFile(name, SafetensorsLayout.of(group, metadata)));
        }
        return files;
    }

    private void refuse(List<TensorInfo> outputs, DType.Kind kind, String why) {
        for (TensorInfo t : outputs) {
            if (t.dtype().kind() == kind) {
                throw InputException.ofTensor(
                        model.source().location(),
                        t.name(),
                        why + " " + t.dtype(),
                        "write a .gguf or .arrow file, or run gust dequantize");
            }
        }
    }

    private void refuseDuplicates(List<TensorInfo> outputs) {
        var names = new HashSet<String>();
        for (TensorInfo t : outputs) {
            if (!names.add(t.name())) {
                throw InputException.ofTensor(
                        model.source().location(),
                        t.name(),
                        "another tensor's parts would be stored under the same name",
                        "leave one of them as it is with --exclude");
            }
        }
    }

    /** Linear modules that an engine must not expect to be quantized. */
    private static List<String> ignored(List<TensorTask> tasks) {
        return tasks.stream()
                .filter(CopyTask.class::isInstance)
                .map(TensorTask::source)
                .filter(t -> !t.isQuantized()
                        && t.shape().rank() == 2
                        && t.name().endsWith(".weight")
                        && !TensorSelection.isNoLinear(t.name()))
                .map(t -> t.name().substring(0, t.name().length() - ".weight".length()))
                .toList();
    }

    private Map<String, String> plainMetadata() {
        Map<String, String> metadata = new TreeMap<>(input.source().metadata());
        metadata.put("format", "pt"); // the Hugging Face libraries refuse a file that does not say so
        return metadata;
    }

    private Map<String, GgufValue> ggufMetadata() {
        if (input.source() instanceof GgufFile gguf) {
            return new LinkedHashMap<>(gguf.values());
        }
        var metadata = new LinkedHashMap<String, GgufValue>();
        String architecture =
                input.config().map(c -> c.path("model_type").asText("")).orElse("");
        metadata.put("general.architecture", GgufValue.text(architecture.isEmpty() ? "unknown" : architecture));
        input.source().metadata().forEach((key, value) -> {
            if (!key.isEmpty() && !key.equals("format")) {
                metadata.putIfAbsent(key, GgufValue.text(value));
            }
        });
        return metadata;
    }

    private ObjectNode config() {
        return input.config().map(ObjectNode::deepCopy).orElseGet(JsonNodeFactory.instance::objectNode);
    }

    private static byte[] json(ObjectNode node) {
        try {
            return (JSON.writerWithDefaultPrettyPrinter().writeValueAsString(node) + "\n")
                    .getBytes(StandardCharsets.UTF_8);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e); // a tree can always be written
        }
    }

    private static String torchName(DType dtype) {
        return switch (dtype) {
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            default -> "float32";
        };
    }

    /** llama.cpp's file types (enum llama_ftype). */
    private static int fileType(DType dtype) {
        return switch (dtype) {
            case F32 -> 0;
            case F16 -> 1;
            case Q4_0 -> 2;
            case Q4_1 -> 3;
            case Q8_0 -> 7;
            case Q5_0 -> 8;
            case Q5_1 -> 9;
            case Q4_K -> 15;
            case Q6_K -> 18;
            case BF16 -> 32;
            case MXFP4 -> 38;
            case NVFP4 -> 39;
            default -> throw new IllegalArgumentException("no file type for " + dtype);
        };
    }

    private String fingerprint(String request, List<OutputFile> files) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(request.getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
            digest.update(input.identity().getBytes(StandardCharsets.UTF_8));
            for (OutputFile file : files) {
                FileLayout layout = file.layout();
                digest.update((byte) 0);
                digest.update(file.name().getBytes(StandardCharsets.UTF_8));
                digest.update(layout.head());
                digest.update(layout.tail());
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e); // every JDK has SHA-256
        }
    }
}
