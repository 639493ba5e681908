package dev.gust.quantization.text;

import dev.gust.formats.InputException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** The lines of a text file in UTF-8 that are not blank, read one after another. */
public final class TextLines implements AutoCloseable {
    /** Characters of a line that are kept: a model takes fewer tokens by far. */
    private static final int MOST_CHARACTERS = 1 << 20;

    private final String name;
    private final long bytes;
    private final BufferedReader reader;
    private long number;

    private TextLines(String name, long bytes, BufferedReader reader) {
        this.name = name;
        this.bytes = bytes;
        this.reader = reader;
    }

    /**
     * A line.
     *
     * @param number its place in the file, from 1
     * @param text without the end of the line
     * @param cut whether it was longer than any model takes, and the rest left out
     */
    public record Line(long number, String text, boolean cut) {}

    /**
     * Opens a file.
     *
     * @throws InputException if there is none
     */
    public static TextLines open(Path file) {
        String name = file.toString();
        if (!Files.isRegularFile(file)) {
            throw InputException.of(
                    name, "there is no such file", "name a text file with a sentence or paragraph to a line");
        }
        try {
            var decoder = StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT);
            return new TextLines(
                    name,
                    Files.size(file),
                    new BufferedReader(new InputStreamReader(Files.newInputStream(file), decoder)));
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    /** The file, as the user named it. */
    public String name() {
        return name;
    }

    /** The file's size. */
    public long byteSize() {
        return bytes;
    }

    /**
     * The next line that is not blank; nothing at the end of the file.
     *
     * @throws InputException if the file cannot be read, or is not UTF-8
     */
    public Optional<Line> next() {
        try {
            for (Optional<Line> line = read(); line.isPresent(); line = read()) {
                if (!line.get().text().isBlank()) {
                    return line;
                }
            }
            return Optional.empty();
        } catch (CharacterCodingException e) {
            throw InputException.of(
                    name, "is not UTF-8 after line " + number, "convert it, for example with iconv -t UTF-8", e);
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }

    private Optional<Line> read() throws IOException {
        var text = new StringBuilder();
        boolean cut = false;
        int c = reader.read();
        if (c < 0) {
            return Optional.empty();
        }
        for (; c >= 0 && c != '\n'; c = reader.read()) {
            if (text.length() < MOST_CHARACTERS) {
                text.append((char) c);
            } else {
                cut = true;
            }
        }
        number++;
        return Optional.of(new Line(number, text.toString(), cut));
    }

    private static InputException unreadable(String name, IOException e) {
        return InputException.of(name, "cannot be read: " + e.getMessage(), "check the file and its permissions", e);
    }

    @Override
    public void close() {
        try {
            reader.close();
        } catch (IOException e) {
            throw unreadable(name, e);
        }
    }
}
