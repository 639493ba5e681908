package dev.gust.formats.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.safetensors.SafetensorsFile;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A model folder as the Hugging Face libraries write it: {@code config.json} with {@code model.safetensors}, or with
 * shards and their index. Index and shards are held against each other when the folder is opened, so that a download
 * that was cut off shows here, not after an hour of work.
 */
public final class HuggingFaceFolder implements TensorSource {
    private static final String CONFIG = "config.json";
    private static final String SUFFIX = ".safetensors";

    private final Path folder;
    private final Optional<ObjectNode> config;
    private final SortedMap<String, SafetensorsFile> files;
    private final List<Shard> shards;
    private final List<TensorInfo> tensors;
    private final Map<String, SafetensorsFile> owners = new HashMap<>();
    private final Map<String, String> metadata;

    private HuggingFaceFolder(Path folder, Optional<ObjectNode> config, SortedMap<String, SafetensorsFile> files) {
        this.folder = folder;
        this.config = config;
        this.files = files;
        List<Shard> list = new ArrayList<>();
        Map<String, String> texts = new LinkedHashMap<>();
        files.forEach((name, file) -> {
            list.add(new Shard(name, file.tensors()));
            file.metadata().forEach(texts::putIfAbsent);
            file.tensors().forEach(tensor -> owners.put(tensor.name(), file));
        });
        shards = List.copyOf(list);
        tensors = list.stream().flatMap(shard -> shard.tensors().stream()).toList();
        metadata = Collections.unmodifiableMap(texts);
    }

    /**
     * Opens the folder's weights and checks all headers.
     *
     * @throws InputException if files are missing, damaged, or contradict the index
     */
    public static HuggingFaceFolder open(Path folder) {
        if (!Files.isDirectory(folder)) {
            throw InputException.of(folder.toString(), "is not a folder", "check the path");
        }
        Path configFile = folder.resolve(CONFIG);
        Optional<ObjectNode> config =
                Files.exists(configFile) ? Optional.of(JsonDocument.readObject(configFile)) : Optional.empty();
        SortedMap<String, SafetensorsFile> files = new TreeMap<>();
        try {
            Path index = folder.resolve(ShardIndex.FILE);
            // As the Hugging Face libraries do: the single file wins over an index.
            if (!Files.exists(folder.resolve(Shard.SINGLE)) && Files.exists(index)) {
                openShards(folder, index, files);
            } else {
                String single = Files.exists(folder.resolve(Shard.SINGLE)) ? Shard.SINGLE : onlyFile(folder);
                files.put(single, SafetensorsFile.open(folder.resolve(single)));
            }
            return new HuggingFaceFolder(folder, config, files);
        } catch (RuntimeException e) {
            files.values().forEach(SafetensorsFile::close);
            throw e;
        }
    }

    private static void openShards(Path folder, Path index, Map<String, SafetensorsFile> files) {
        Map<String, String> map = ShardIndex.read(index);
        for (String name : new TreeSet<>(map.values())) {
            if (!Files.exists(folder.resolve(name))) {
                throw InputException.of(
                        index.toString(), "shard '" + name + "' is missing", "download or copy it into the folder");
            }
            SafetensorsFile shard = SafetensorsFile.open(folder.resolve(name));
            files.put(name, shard);
            for (TensorInfo tensor : shard.tensors()) {
                requireIndexed(index, name, tensor.name(), Optional.ofNullable(map.get(tensor.name())));
            }
        }
        map.forEach((tensor, name) -> {
            if (Optional.ofNullable(files.get(name))
                    .flatMap(file -> file.find(tensor))
                    .isEmpty()) {
                throw InputException.ofTensor(
                        index.toString(), tensor, "is not in its shard '" + name + "'", "download the shard again");
            }
        });
    }

    /** Also finds a tensor that two shards hold: the index can name only one of them. */
    private static void requireIndexed(Path index, String shard, String tensor, Optional<String> indexed) {
        if (!indexed.equals(Optional.of(shard))) {
            throw InputException.ofTensor(
                    index.toString(),
                    tensor,
                    "is in shard '" + shard + "', but the index "
                            + indexed.map(other -> "says '" + other + "'").orElse("does not list it"),
                    "use index and shards of the same download");
        }
    }

    private static String onlyFile(Path folder) {
        List<String> found = new ArrayList<>();
        try (var paths = Files.newDirectoryStream(folder, "[!.]*" + SUFFIX)) {
            paths.forEach(path -> found.add(path.getFileName().toString()));
        } catch (IOException | DirectoryIteratorException e) {
            throw InputException.of(
                    folder.toString(), "cannot be listed: " + e.getMessage(), "check the folder's permissions", e);
        }
        if (found.size() == 1) {
            return found.getFirst();
        }
        found.sort(null);
        throw found.isEmpty()
                ? InputException.of(
                        folder.toString(),
                        "holds no " + SUFFIX + " file",
                        "name a folder with " + Shard.SINGLE + ", or the model file itself")
                : InputException.of(
                        folder.toString(),
                        "holds " + found.size() + " " + SUFFIX + " files but neither " + Shard.SINGLE + " nor "
                                + ShardIndex.FILE + ": "
                                + String.join(", ", found.subList(0, Math.min(5, found.size())))
                                + (found.size() > 5 ? ", ..." : ""),
                        "add the index, or name one file");
    }

    @Override
    public String location() {
        return folder.toString();
    }

    @Override
    public String format() {
        return "huggingface";
    }

    /** Metadata of all shards; where they differ, the first shard's. */
    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    /** The content of {@code config.json}, as a copy of its own; empty if there is no such file. */
    public Optional<ObjectNode> config() {
        return config.map(ObjectNode::deepCopy);
    }

    /** The safetensors files, by name: one or many. */
    public List<Shard> shards() {
        return shards;
    }

    /**
     * The files that a copy of this model needs beside {@code config.json} and the weights, by name: tokenizer,
     * settings, card and licence. Never weights, hidden files or folders.
     */
    public List<Path> carriedFiles() {
        return CarriedFiles.in(folder);
    }

    @Override
    public List<TensorInfo> tensors() {
        return tensors;
    }

    @Override
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(owners.get(name)).flatMap(file -> file.find(name));
    }

    @Override
    public Tensor open(String name) {
        SafetensorsFile file = owners.get(name);
        if (file == null) {
            throw new NoSuchElementException("no tensor '" + name + "' in " + folder);
        }
        return file.open(name);
    }

    @Override
    public void close() {
        files.values().forEach(SafetensorsFile::close);
    }
}
