package dev.gust.formats.model;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.arrow.ArrowFile;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.gguf.GgufFile;
import dev.gust.formats.huggingface.HuggingFaceFolder;
import dev.gust.formats.huggingface.Shard;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.onnx.BertConfig;
import dev.gust.formats.onnx.OnnxFile;
import dev.gust.formats.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Opens whatever a user names as a model. */
public final class ModelFiles {
    private ModelFiles() {}

    /**
     * Opens a model.
     *
     * @param in a Hugging Face folder, a {@code .safetensors}, {@code .gguf}, {@code .onnx}, {@code .arrow} or
     *     {@code .arrows} file, or {@code maven:GROUP:ARTIFACT:VERSION!/path/in/jar}
     * @throws InputException if there is no such model, or it is bad
     */
    public static ModelInput open(String in) {
        if (MavenSource.isMavenLocation(in)) {
            return artifact(MavenSource.fetch(in));
        }
        Path path = path(in);
        if (Files.isDirectory(path)) {
            return folder(path);
        }
        if (!Files.exists(path)) {
            throw InputException.of(in, "there is no such file or folder", "check the name");
        }
        TensorSource source = openFile(path, in);
        return new ModelInput(source, derivedConfig(source), Map.of(), Map.of(), identity(in, List.of(path)), () -> {});
    }

    private static Path path(String in) {
        try {
            return Path.of(in);
        } catch (InvalidPathException e) {
            throw InputException.of(in, "is not a path: " + e.getReason(), "check the name");
        }
    }

    /** Opens one file; its kind follows its name. */
    private static TensorSource openFile(Path path, String location) {
        String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
        return switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "safetensors" -> SafetensorsFile.open(path, location);
            case "gguf" -> GgufFile.open(path);
            case "onnx" -> OnnxFile.open(path, location);
            case "arrow", "arrows" -> ArrowFile.open(path);
            default ->
                throw InputException.of(
                        location,
                        "is no known kind of model file",
                        "name a folder, .safetensors, .gguf, .onnx, .arrow or .arrows");
        };
    }

    private static ModelInput folder(Path path) {
        HuggingFaceFolder folder = HuggingFaceFolder.open(path);
        try {
            var shards = new LinkedHashMap<String, String>();
            var files = new ArrayList<Path>();
            for (Shard shard : folder.shards()) {
                files.add(path.resolve(shard.file()));
                if (folder.shards().size() > 1) {
                    shard.tensors().forEach(t -> shards.put(t.name(), shard.file()));
                }
            }
            return new ModelInput(
                    folder,
                    folder.config(),
                    shards,
                    byName(folder.carriedFiles()),
                    identity(path.toString(), files),
                    () -> {});
        } catch (RuntimeException e) {
            folder.close();
            throw e;
        }
    }

    private static ModelInput artifact(MavenSource artifact) {
        try {
            TensorSource source = openFile(artifact.model(), artifact.location());
            return new ModelInput(
                    source,
                    derivedConfig(source),
                    Map.of(),
                    byName(artifact.carriedFiles()),
                    artifact.identity(),
                    artifact::close);
        } catch (RuntimeException e) {
            artifact.close();
            throw e;
        }
    }

    private static Optional<ObjectNode> derivedConfig(TensorSource source) {
        return source instanceof OnnxFile onnx ? BertConfig.derive(onnx) : Optional.empty();
    }

    private static Map<String, Path> byName(List<Path> files) {
        var byName = new LinkedHashMap<String, Path>();
        files.forEach(f -> byName.put(String.valueOf(f.getFileName()), f));
        return byName;
    }

    private static String identity(String in, List<Path> files) {
        var identity = new StringBuilder(in);
        for (Path file : files) {
            try {
                identity.append('\n')
                        .append(file.getFileName())
                        .append(' ')
                        .append(Files.size(file))
                        .append(' ')
                        .append(Files.getLastModifiedTime(file));
            } catch (IOException e) {
                throw InputException.of(in, "cannot be read: " + e.getMessage(), "check its permissions", e);
            }
        }
        return identity.toString();
    }
}
