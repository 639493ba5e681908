package dev.gust.quantization.pipeline;

import java.nio.file.Path;
import java.util.Locale;

/** The kinds of output, told by the name the user gives. */
public enum Container {
    /** A Hugging Face folder with safetensors shards. */
    FOLDER,
    SAFETENSORS,
    GGUF,
    ARROW;

    /** The kind that a path's name asks for: anything without a known extension is a folder. */
    public static Container of(Path path) {
        String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
        if (name.endsWith(".safetensors")) {
            return SAFETENSORS;
        }
        if (name.endsWith(".gguf")) {
            return GGUF;
        }
        return name.endsWith(".arrow") ? ARROW : FOLDER;
    }
}
