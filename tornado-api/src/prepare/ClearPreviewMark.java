import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Copies class files and clears the mark by which a compiler says that it used preview features (minor version 65535; the
 * Java Virtual Machine Specification, 4.1). TornadoVM's API was compiled by a JDK 21 with preview features on, for the
 * foreign-memory API, which has been final since 22: the code runs on any later JDK, but only the very JDK of the mark
 * would load it. Classes that have a source here are left out: these take their place.
 *
 * <p>Run by the build: {@code java ClearPreviewMark.java FROM TO SOURCES}.
 */
final class ClearPreviewMark {
    private static final int MAGIC = 0xCAFEBABE;
    private static final int PREVIEW = 0xFFFF;

    private ClearPreviewMark() {}

    public static void main(String[] args) throws IOException {
        Path from = Path.of(args[0]);
        Path to = Path.of(args[1]);
        Path sources = Path.of(args[2]);
        List<Path> files;
        try (var walk = Files.walk(from)) {
            files = walk.filter(Files::isRegularFile).toList();
        }
        if (files.stream().noneMatch(f -> f.toString().endsWith(".class"))) {
            throw new IOException("no class files in " + from + ": has the artifact that brings them changed?");
        }
        for (Path file : files) {
            String name = from.relativize(file).toString();
            if (Files.exists(sources.resolve(name.replace(".class", ".java")))) {
                continue;
            }
            byte[] bytes = Files.readAllBytes(file);
            if (file.toString().endsWith(".class")) {
                clear(file, bytes);
            }
            Path copy = to.resolve(name);
            Files.createDirectories(copy.getParent());
            Files.write(copy, bytes);
        }
    }

    private static void clear(Path file, byte[] bytes) throws IOException {
        if (bytes.length < 8 || int32(bytes) != MAGIC) {
            throw new IOException(file + " is no class file");
        }
        if (uint16(bytes, 4) == PREVIEW) {
            bytes[4] = 0;
            bytes[5] = 0;
        }
    }

    private static int int32(byte[] bytes) {
        return uint16(bytes, 0) << 16 | uint16(bytes, 2);
    }

    private static int uint16(byte[] bytes, int at) {
        return (bytes[at] & 0xFF) << 8 | bytes[at + 1] & 0xFF;
    }
}
