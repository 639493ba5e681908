package dev.gust.quantization.text;

import dev.gust.formats.InputException;
import dev.gust.formats.model.ModelInput;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Finds the tokenizer that belongs to a model. */
public final class TokenizerFiles {
    /** What Hugging Face calls it. */
    public static final String NAME = "tokenizer.json";

    private TokenizerFiles() {}

    /**
     * The tokenizer of the first model that has one: in its folder, beside its file, or in its jar.
     *
     * @param models open models by the names that the user gave them
     * @throws InputException if none has
     */
    public static Path of(Map<String, ModelInput> models) {
        return models.entrySet().stream()
                .flatMap(m -> beside(m.getKey(), m.getValue()).stream())
                .findFirst()
                .orElseThrow(() -> InputException.of(
                        String.join(" and ", models.keySet()),
                        "there is no " + NAME + " beside the model, so that text cannot become tokens",
                        "copy the original model's there, or name it: --tokenizer FILE"));
    }

    private static Optional<Path> beside(String in, ModelInput input) {
        Path carried = input.carried().get(NAME);
        if (carried != null) {
            return Optional.of(carried);
        }
        try {
            return List.of(Path.of(in).toAbsolutePath().resolveSibling(NAME)).stream()
                    .filter(Files::isRegularFile)
                    .findFirst();
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }
}
