package dev.gust.formats.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.TensorInfo;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** The index of a model in several shards, {@code model.safetensors.index.json}: which tensor is in which file. */
public final class ShardIndex {
    public static final String FILE = "model.safetensors.index.json";

    /** A plain name in the same folder: no separators, no drive letters, no dot files, nothing to be resolved. */
    private static final Pattern SHARD_NAME = Pattern.compile("[^./\\\\:\\p{Cntrl}][^/\\\\:\\p{Cntrl}]*\\.safetensors");

    private static final String WEIGHT_MAP = "weight_map";

    private ShardIndex() {}

    /**
     * Renders the index, tensors by name: equal shards always give equal text.
     *
     * @throws UsageException if two shards hold a tensor of the same name
     */
    public static String render(List<Shard> shards) {
        long total = 0;
        Map<String, String> files = new TreeMap<>();
        for (Shard shard : shards) {
            for (TensorInfo tensor : shard.tensors()) {
                total = Math.addExact(total, tensor.byteSize());
                if (files.put(tensor.name(), shard.file()) != null) {
                    throw new UsageException(
                            "two shards would hold a tensor '" + tensor.name() + "'", "rename or leave out one");
                }
            }
        }
        JsonMapper mapper = new JsonMapper();
        ObjectNode index = mapper.createObjectNode();
        index.putObject("metadata").put("total_size", total);
        files.forEach(index.putObject(WEIGHT_MAP)::put);
        // The line break is fixed: Jackson's default follows the platform.
        var separators = Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER);
        var printer = new DefaultPrettyPrinter(separators).withObjectIndenter(new DefaultIndenter("  ", "\n"));
        try {
            return mapper.writer(printer).writeValueAsString(index) + "\n";
        } catch (JsonProcessingException e) {
            throw new UsageException(
                    "a tensor's name cannot be written as JSON: " + e.getOriginalMessage(), "rename it");
        }
    }

    /**
     * Reads which file holds each tensor; the files are plain names, but may not exist.
     *
     * @throws InputException if it is not such an index, or names a file outside its folder
     */
    static Map<String, String> read(Path path) {
        JsonNode map = JsonDocument.readObject(path).path(WEIGHT_MAP);
        if (!map.isObject()) {
            throw InputException.of(path.toString(), "has no object '" + WEIGHT_MAP + "'", "restore the index");
        }
        Map<String, String> files = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : map.properties()) {
            String file = entry.getValue().asText();
            if (!entry.getValue().isTextual() || !SHARD_NAME.matcher(file).matches()) {
                throw InputException.ofTensor(
                        path.toString(),
                        entry.getKey(),
                        "'" + file + "' is not the name of a safetensors file in the same folder",
                        "put all shards beside the index and name them plainly");
            }
            files.put(entry.getKey(), file);
        }
        return Collections.unmodifiableMap(files);
    }
}
