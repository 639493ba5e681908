package dev.gust.formats.gguf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.gust.formats.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** llama.cpp's own library, called directly: the judge of our blocks and files. */
final class GgmlLibrary {
    private static final String PACKAGE = "@node-llama-cpp/linux-x64";
    private static final String VERSION = "3.22.1";

    private final Path folder;
    private final SymbolLookup base;
    private final MethodHandle quantizeChunk;

    private GgmlLibrary(Path folder) {
        this.folder = folder;
        base = SymbolLookup.libraryLookup(folder.resolve("libggml-base.so"), Arena.global());
        quantizeChunk = handle(
                base,
                "ggml_quantize_chunk",
                FunctionDescriptor.of(JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS));
    }

    /** Why the library cannot be had, as opposed to being wrong. */
    static final class Unavailable extends Exception {
        private static final long serialVersionUID = 1L;

        Unavailable(String reason) {
            super(reason);
        }
    }

    /** Installs the package into the build folder, unless it is there, and loads the library. */
    static GgmlLibrary load() throws Unavailable {
        String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String cpu = System.getProperty("os.arch").toLowerCase(Locale.ROOT);
        if (!os.equals("linux") || !(cpu.equals("amd64") || cpu.equals("x86_64"))) {
            throw new Unavailable("the package " + PACKAGE + " is for Linux on x86-64, not for " + os + " on " + cpu);
        }
        Path prefix = Path.of("target", "llama.cpp-" + VERSION).toAbsolutePath();
        Path folder = prefix.resolve("node_modules/" + PACKAGE + "/bins/linux-x64");
        if (!Files.exists(folder.resolve("libggml-base.so"))) {
            install(prefix);
        }
        return new GgmlLibrary(folder);
    }

    private static void install(Path prefix) throws Unavailable {
        String spec = PACKAGE + "@" + VERSION;
        try {
            Files.createDirectories(prefix);
            Path log = prefix.resolve("npm.log");
            Process npm = new ProcessBuilder(List.of(
                            "npm",
                            "install",
                            "--prefix",
                            prefix.toString(),
                            "--ignore-scripts",
                            "--no-audit",
                            "--no-fund",
                            spec))
                    .redirectErrorStream(true)
                    .redirectOutput(log.toFile())
                    .start();
            if (!npm.waitFor(120, TimeUnit.SECONDS)) {
                npm.destroyForcibly();
                throw new Unavailable("'npm install " + spec + "' took more than two minutes");
            }
            if (npm.exitValue() != 0) {
                throw new Unavailable("'npm install " + spec + "' failed; see " + log);
            }
        } catch (IOException e) {
            throw new Unavailable("npm cannot be started: " + e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Unavailable("interrupted while npm was installing " + spec);
        }
    }

    /** Loads another library of the same package, such as libllama. */
    SymbolLookup library(String prefix) {
        try (var files = Files.list(folder)) {
            Path file = files.filter(f -> f.getFileName().toString().startsWith(prefix))
                    .findFirst()
                    .orElseThrow();
            return SymbolLookup.libraryLookup(file, Arena.global());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Path folder() {
        return folder;
    }

    static MethodHandle handle(SymbolLookup library, String symbol, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(symbol), descriptor);
    }

    /** Calls one function of the base library; arguments are as its C declaration has them. */
    Object call(String symbol, FunctionDescriptor descriptor, Object... arguments) {
        try {
            return handle(base, symbol, descriptor).invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(symbol, e);
        }
    }

    long typeSize(int type) {
        return (long) call("ggml_type_size", FunctionDescriptor.of(JAVA_LONG, JAVA_INT), type);
    }

    long blockSize(int type) {
        return (long) call("ggml_blck_size", FunctionDescriptor.of(JAVA_LONG, JAVA_INT), type);
    }

    /** Quantizes native floats into native memory; returns the bytes written. */
    long quantize(int type, MemorySegment floats, MemorySegment stored, long rows, long columns) {
        try {
            return (long) quantizeChunk.invokeExact(type, floats, stored, 0L, rows, columns, MemorySegment.NULL);
        } catch (Throwable e) {
            throw new AssertionError("ggml_quantize_chunk", e);
        }
    }

    /** Dequantizes native blocks into native floats. */
    void dequantize(DType dtype, MemorySegment stored, MemorySegment floats, long count) {
        String name = dtype.name();
        String symbol = "dequantize_row_"
                + (name.endsWith("_K")
                        ? name.charAt(0) == 'Q' ? "q" + name.substring(1) : name
                        : name.toLowerCase(Locale.ROOT));
        call(symbol, FunctionDescriptor.ofVoid(ADDRESS, ADDRESS, JAVA_LONG), stored, floats, count);
    }

    /** gguf_init_from_file without tensors' memory; null if the library refuses the file. */
    MemorySegment openGguf(Arena arena, Path file) {
        MemoryLayout params = MemoryLayout.structLayout(JAVA_BOOLEAN, MemoryLayout.paddingLayout(7), ADDRESS);
        MemorySegment byValue = arena.allocate(params);
        byValue.set(JAVA_BOOLEAN, 0, true);
        return (MemorySegment) call(
                "gguf_init_from_file",
                FunctionDescriptor.of(ADDRESS, ADDRESS, params),
                arena.allocateFrom(file.toString()),
                byValue);
    }
}
