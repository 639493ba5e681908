package dev.gust.cli;

import dev.gust.formats.model.ModelInput;
import dev.gust.quantization.text.TextTokenizer;
import dev.gust.quantization.text.TokenizerFiles;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.encoder.EncoderOptions;
import dev.gust.runtime.layer.Pooling;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Options of verbs that run text through a model. */
final class TextOptions {
    @Option(
            names = "--text",
            paramLabel = "FILE",
            required = true,
            description = "Text in UTF-8, a sentence or paragraph to a line.")
    Path text = Path.of("");

    @Option(
            names = "--tokenizer",
            paramLabel = "FILE",
            description = "The tokenizer.json to use (default: the one beside the model).")
    @Nullable
    Path tokenizer;

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Leave out what of the text is behind so many tokens (default: nothing).")
    long maxTokens = Long.MAX_VALUE;

    /** How encoders run under the common options. */
    EncoderOptions encoder(CommonOptions common, Pooling.Kind pooling) {
        common.deviceId(); // a look at the arguments
        if (maxTokens < 1) {
            throw new ParameterException(
                    common.spec.commandLine(), "--max-tokens takes a number of 1 or more, not " + maxTokens);
        }
        EncoderOptions options = EncoderOptions.DEFAULT.withPooling(pooling);
        return options.withProducts(options.products().withThreads(common.threads));
    }

    /** The tokenizer of the first of these models that has one, for what an encoder takes. */
    TextTokenizer tokenizer(Map<String, ModelInput> models, Encoder encoder) {
        Path file = tokenizer == null ? TokenizerFiles.of(models) : tokenizer;
        return TextTokenizer.open(file, Math.min(encoder.positions(), encoder.tokens()));
    }

    /** How much text there was, for people. */
    static String summary(long lines, long tokens, long truncated) {
        return String.format(
                Locale.ROOT,
                "%,d lines, %,d tokens%s",
                lines,
                tokens,
                truncated == 0 ? "" : String.format(Locale.ROOT, ", %,d lines cut", truncated));
    }
}
