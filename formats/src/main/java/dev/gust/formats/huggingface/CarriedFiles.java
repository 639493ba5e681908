package dev.gust.formats.huggingface;

import dev.gust.formats.InputException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Which files of a model folder a copy of the model needs beside config and weights: the tokenizer, generation and
 * preprocessing settings, the model's own code, its card and licence. Left behind are weights in other formats,
 * descriptions of an earlier quantization, hidden files and folders.
 */
final class CarriedFiles {
    private static final Pattern WANTED =
            Pattern.compile("tokenizer.*|vocab.*|merges\\.txt|spiece.*|.*\\.(model|tiktoken)"
                    + "|(special_tokens_map|added_tokens|generation_config)\\.json|chat_template.*"
                    + "|((video_|image_|audio_)?preprocessor|(video_|image_|audio_)?processor|feature_extractor)_config\\.json"
                    + "|(sentence_bert_config|config_sentence_transformers)\\.json"
                    + "|(configuration|modeling|tokenization|processing|image_processing)_.*\\.py"
                    + "|(README|LICEN[CS]E|NOTICE|COPYING|USE_POLICY|MODEL_CARD).*");

    private static final Pattern WEIGHTS = Pattern.compile(
            ".*\\.(safetensors|bin|pt|pth|ckpt|gguf|ggml|onnx|onnx_data|h5|msgpack|npz|npy|tflite|arrows?|part|index\\.json)",
            Pattern.CASE_INSENSITIVE);

    private CarriedFiles() {}

    /** The folder's files worth carrying, by name. */
    static List<Path> in(Path folder) {
        List<Path> carried = new ArrayList<>();
        try (var files = Files.newDirectoryStream(folder)) {
            for (Path file : files) {
                if (isCarried(file.getFileName().toString()) && Files.isRegularFile(file)) {
                    carried.add(file);
                }
            }
        } catch (IOException | DirectoryIteratorException e) {
            throw InputException.of(
                    folder.toString(), "cannot be listed: " + e.getMessage(), "check the folder's permissions", e);
        }
        carried.sort(null);
        return List.copyOf(carried);
    }

    private static boolean isCarried(String name) {
        return !name.startsWith(".")
                && WANTED.matcher(name).matches()
                && !WEIGHTS.matcher(name).matches();
    }
}
