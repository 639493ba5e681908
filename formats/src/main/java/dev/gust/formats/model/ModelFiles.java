package dev.gust.formats.model;

import dev.gust.formats.InputException;
import dev.gust.formats.arrow.ArrowFile;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.gguf.GgufFile;
import dev.gust.formats.huggingface.HuggingFaceFolder;
import dev.gust.formats.huggingface.Shard;
import dev.gust.formats.maven.MavenSource;
import dev.gust.formats.onnx.OnnxFile;
import dev.gust.formats.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
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
        if (in.startsWith("maven:")) {
            return MavenSource.fetch(in).open();
        }
        Path path = path(in);
        if (Files.isDirectory(path)) {
            return folder(HuggingFaceFolder.open(path), path);
        }
        if (!Files.exists(path)) {
            throw InputException.of(in, "there is no such file or folder", "check the name");
        }
        return new ModelInput(openFile(path), Optional.empty(), Map.of(), Map.of(), identity(List.of(path)));
    }

    /** Opens one file; its kind follows its name. */
    private static TensorSource openFile(Path path) {
        String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
        return switch (name.substring(name.lastIndexOf('.') + 1)) {
            case "safetensors" -> SafetensorsFile.open(path);
            case "gguf" -> GgufFile.open(path);
            case "onnx" -> OnnxFile.open(path);
            case "arrow", "arrows" -> ArrowFile.open(path);
            default ->
                throw InputException.of(
                        path.toString(),
                        "is no known kind of model file",
                        "name a folder, .safetensors, .gguf, .onnx, .arrow or .arrows");
        };
    }
}
