package dev.gust.quantization.text;

import dev.gust.formats.OutputException;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Where the tokenizer library unpacks its native part, and what it may not do. Left alone, DJL (0.38.0) unpacks to
 * {@code ~/.djl.ai}, asks a server of its makers for a counter, and where it finds CUDA fetches another build from the
 * network. It is told by system properties, which are read when it first loads.
 */
final class NativeTokenizers {
    private NativeTokenizers() {}

    /**
     * Has the library stay off the network and the home folder, unless the user has named a cache: ENGINE_CACHE_DIR or
     * DJL_CACHE_DIR, as environment variable or system property.
     */
    static void prepare() {
        Objects.requireNonNull(Holder.FOLDER);
    }

    /** Once in a process, as the library loads once. */
    private static final class Holder {
        static final Optional<Path> FOLDER = settle();
    }

    private static Optional<Path> settle() {
        System.setProperty("ai.djl.offline", "true");
        if (!isSet("RUST_FLAVOR")) {
            System.setProperty("RUST_FLAVOR", "cpu");
        }
        if (List.of("ENGINE_CACHE_DIR", "DJL_CACHE_DIR", "RUST_LIBRARY_PATH").stream()
                .anyMatch(NativeTokenizers::isSet)) {
            return Optional.empty();
        }
        try {
            Path folder = Files.createTempDirectory("gust-tokenizers-");
            System.setProperty("ENGINE_CACHE_DIR", folder.toString());
            return Optional.of(folder);
        } catch (IOException e) {
            throw OutputException.of(
                    System.getProperty("java.io.tmpdir", ""),
                    "no temporary folder can be made: " + e.getMessage(),
                    "set java.io.tmpdir to a folder with space",
                    e);
        }
    }

    private static boolean isSet(String name) {
        return System.getProperty(name) != null || System.getenv(name) != null;
    }

    /** Deletes what was unpacked; the process has it in memory. Where a file in use cannot go, it does when Java ends. */
    static void discard() {
        Holder.FOLDER.ifPresent(folder -> delete(folder.toFile()));
    }

    private static void delete(File file) {
        File[] inside = file.listFiles();
        for (File f : inside == null ? new File[0] : inside) {
            delete(f);
        }
        if (!file.delete()) {
            file.deleteOnExit();
        }
    }
}
