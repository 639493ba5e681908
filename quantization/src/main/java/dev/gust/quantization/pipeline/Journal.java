package dev.gust.quantization.pipeline;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.gust.formats.OutputException;
import dev.gust.formats.measure.ErrorSums;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;

/**
 * What an unfinished run has finished: a line of JSON for the run's fingerprint, then one for each tensor. A line is
 * believed only as far as the checksums in it hold, so a kill at any moment costs the tensor at work, no more.
 */
final class Journal implements AutoCloseable {
    /**
     * Bytes that a task wrote.
     *
     * @param tensor the stored tensor
     * @param offset first byte within it
     * @param length number of bytes
     * @param crc their CRC-32C
     */
    record Write(String tensor, long offset, long length, long crc) {
        Write {
            Objects.requireNonNull(tensor); // a damaged line can be JSON all the same
        }
    }

    /**
     * A finished task.
     *
     * @param tensor name of the model's tensor
     * @param error the error made
     * @param writes what was written, in a fixed order
     */
    record Entry(String tensor, ErrorSums error, List<Write> writes) {
        Entry {
            Objects.requireNonNull(tensor);
            Objects.requireNonNull(error);
            writes = List.copyOf(writes);
        }
    }

    private record Head(String fingerprint) {
        Head {
            Objects.requireNonNull(fingerprint);
        }
    }

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final Path path;
    private final Writer writer;
    private final Map<String, Entry> finished;

    private Journal(Path path, Writer writer, Map<String, Entry> finished) {
        this.path = path;
        this.writer = writer;
        this.finished = finished;
    }

    /** Starts a journal, forgetting any that is there. */
    static Journal begin(Path path, String fingerprint) {
        try {
            var journal = new Journal(path, Files.newBufferedWriter(path), Map.of());
            journal.line(new Head(fingerprint));
            return journal;
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    /**
     * Goes on with a journal.
     *
     * @throws OutputException if it belongs to another request
     */
    static Journal resume(Path path, String fingerprint, String target) {
        Path kept = path.resolveSibling(path.getFileName() + ".kept");
        var finished = new LinkedHashMap<String, Entry>();
        // Line by line: a large model's journal has a checksum for each of hundreds of thousands of pieces. A reader
        // of its own, as a torn last line may end inside a character, which Files.newBufferedReader refuses.
        try (var lines =
                new BufferedReader(new InputStreamReader(Files.newInputStream(path), StandardCharsets.UTF_8))) {
            String first = lines.readLine();
            Optional<Head> head = first == null ? Optional.empty() : head(first);
            if (head.isEmpty()) {
                return begin(path, fingerprint); // killed before it had finished anything
            }
            if (!head.get().fingerprint().equals(fingerprint)) {
                throw OutputException.of(
                        target,
                        "the unfinished run was made from another input or with other options",
                        "repeat that run's command, or leave out --resume to start over");
            }
            try (var writer = Files.newBufferedWriter(kept)) {
                writer.append(first).append('\n');
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    Optional<Entry> entry = entry(line);
                    if (entry.isEmpty()) {
                        break; // the line at which the run was killed
                    }
                    finished.put(entry.get().tensor(), entry.get());
                    writer.append(line).append('\n');
                }
            }
        } catch (IOException e) {
            throw failure(path, e);
        }
        try {
            Files.move(kept, path, StandardCopyOption.REPLACE_EXISTING);
            return new Journal(path, Files.newBufferedWriter(path, StandardOpenOption.APPEND), finished);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    private static Optional<Entry> entry(String line) {
        try {
            Entry entry = Objects.requireNonNull(JSON.readValue(line, Entry.class));
            var names = new HashMap<String, String>(); // a weight's name stands in each of its writes: keep it once
            List<Write> writes = entry.writes().stream()
                    .map(w -> new Write(
                            names.computeIfAbsent(w.tensor(), Function.identity()), w.offset(), w.length(), w.crc()))
                    .toList();
            return Optional.of(new Entry(entry.tensor(), entry.error(), writes));
        } catch (JsonProcessingException | NullPointerException e) {
            return Optional.empty();
        }
    }

    private static Optional<Head> head(String line) {
        try {
            return Optional.ofNullable(JSON.readValue(line, Head.class));
        } catch (JsonProcessingException e) {
            return Optional.empty();
        }
    }

    /** The tasks an earlier run finished, by the model's tensor. */
    Map<String, Entry> finished() {
        return finished;
    }

    void add(Entry entry) {
        try {
            line(entry);
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    private void line(Object value) throws IOException {
        writer.write(JSON.writeValueAsString(value));
        writer.write('\n');
        writer.flush();
    }

    @Override
    public void close() {
        try {
            writer.close();
        } catch (IOException e) {
            throw failure(path, e);
        }
    }

    private static OutputException failure(Path path, IOException e) {
        return OutputException.of(
                path.toString(), "the journal cannot be kept: " + e.getMessage(), "check space and permissions", e);
    }
}
