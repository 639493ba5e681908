package dev.gust.quantization.text;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/**
 * A model's tokenizer, read from its {@code tokenizer.json} by Hugging Face's own library. What that file says about
 * padding and about cutting long texts is left aside: it is for other uses of the model. Safe to use from many threads.
 */
public final class TextTokenizer implements AutoCloseable {
    /** Far more than the largest vocabulary takes. */
    private static final long MOST_BYTES = 512L << 20;

    private final HuggingFaceTokenizer tokenizer;

    private TextTokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * A text as a model takes it, with the tokens that the model wants at its ends.
     *
     * @param ids the tokens
     * @param truncated whether the text was too long, and cut
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Tokens(int[] ids, boolean truncated) {}

    /**
     * Reads a tokenizer.
     *
     * @param file a {@code tokenizer.json}
     * @param most most tokens of a text, those at its ends among them; 2 at least
     * @throws InputException if the file is missing or is none
     */
    public static TextTokenizer open(Path file, int most) {
        if (most < 2) {
            throw new UsageException(
                    "texts of " + most + " tokens", "take 2 at least: a model wants a token at each end");
        }
        String name = file.toString();
        if (!Files.isRegularFile(file)) {
            throw InputException.of(name, "there is no such file", "name a model's tokenizer.json");
        }
        try {
            if (Files.size(file) > MOST_BYTES) {
                throw InputException.of(
                        name, "has " + Files.size(file) + " bytes, more than any tokenizer", "name a tokenizer.json");
            }
            NativeTokenizers.prepare();
            try (InputStream in = Files.newInputStream(file)) {
                return new TextTokenizer(HuggingFaceTokenizer.newInstance(
                        in, Map.of("truncation", "true", "padding", "false", "maxLength", String.valueOf(most))));
            } finally {
                NativeTokenizers.discard();
            }
        } catch (InputException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            throw InputException.of(name, "is no tokenizer: " + reason(e), "name a model's tokenizer.json", e);
        } catch (LinkageError e) {
            throw new UsageException(
                    "the tokenizer library has nothing for this system: " + reason(e),
                    "use Linux on x86-64 or arm64, macOS on arm64, or Windows on x86-64");
        }
    }

    private static String reason(Throwable e) {
        return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    }

    /** The tokens of a text. */
    public Tokens tokenize(String text) {
        Encoding encoding = tokenizer.encode(text);
        return new Tokens(
                Arrays.stream(encoding.getIds()).mapToInt(Math::toIntExact).toArray(), encoding.exceedMaxLength());
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}
