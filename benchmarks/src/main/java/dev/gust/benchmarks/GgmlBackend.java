package dev.gust.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;

/**
 * llama.cpp's CPU backend, with a pool of threads that outlives calls, called through ggml's C functions (ggml.h,
 * ggml-backend.h, ggml-cpu.h).
 */
final class GgmlBackend {
    /** ggml's number of float32. */
    static final int F32 = 0;

    private static final MemoryLayout INIT_PARAMS = MemoryLayout.structLayout(
            JAVA_LONG.withName("mem_size"),
            ADDRESS.withName("mem_buffer"),
            JAVA_BOOLEAN.withName("no_alloc"),
            MemoryLayout.paddingLayout(7));

    /** More than sizeof(struct ggml_threadpool_params), which this library fills in. */
    private static final int THREADPOOL_PARAMS_BYTES = 1024;

    private final SymbolLookup base;
    private final MemorySegment backend;
    private final MemorySegment pool;
    private final MethodHandle pause;
    private final String variant;

    /** Computes a graph. */
    interface Runner {
        void run() throws Throwable;
    }

    /**
     * Loads the variant of the backend that scores best on this machine, as {@code ggml_backend_load_best} does.
     *
     * @param folder has libggml-base.so and the libggml-cpu-*.so
     */
    GgmlBackend(Path folder, int threads) throws Throwable {
        // Its threads never end, so neither may its code.
        Arena arena = Arena.global();
        base = SymbolLookup.libraryLookup(folder.resolve("libggml-base.so"), arena);
        Path best = bestVariant(folder, arena);
        variant = best.getFileName().toString();
        SymbolLookup cpu = SymbolLookup.libraryLookup(best, arena);
        backend = (MemorySegment) handle(cpu, "ggml_backend_cpu_init", FunctionDescriptor.of(ADDRESS))
                .invokeExact();
        MemorySegment params = arena.allocate(THREADPOOL_PARAMS_BYTES, 16);
        handle(base, "ggml_threadpool_params_init", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT))
                .invokeExact(params, threads);
        pool = (MemorySegment) handle(cpu, "ggml_threadpool_new", FunctionDescriptor.of(ADDRESS, ADDRESS))
                .invokeExact(params);
        handle(cpu, "ggml_backend_cpu_set_n_threads", FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT))
                .invokeExact(backend, threads);
        handle(cpu, "ggml_backend_cpu_set_threadpool", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
                .invokeExact(backend, pool);
        pause = handle(cpu, "ggml_threadpool_pause", FunctionDescriptor.ofVoid(ADDRESS));
    }

    /** Puts its threads to sleep, which otherwise spin for long after a call and take a processor from whoever is next. */
    void rest() throws Throwable {
        pause.invokeExact(pool);
    }

    /** The library in use. */
    String variant() {
        return variant;
    }

    private static Path bestVariant(Path folder, Arena arena) throws IOException {
        try (var files = Files.list(folder)) {
            return files.filter(f -> f.getFileName().toString().startsWith("libggml-cpu-"))
                    .max(Comparator.comparingInt(f -> score(f, arena)))
                    .orElseThrow(() -> new IOException("no libggml-cpu-*.so in " + folder));
        }
    }

    private static int score(Path library, Arena arena) {
        try {
            return (int) handle(
                            SymbolLookup.libraryLookup(library, arena),
                            "ggml_backend_score",
                            FunctionDescriptor.of(JAVA_INT))
                    .invokeExact();
        } catch (Throwable e) {
            throw new IllegalStateException(library + " has no score", e);
        }
    }

    private static MethodHandle handle(SymbolLookup library, String symbol, FunctionDescriptor descriptor) {
        return Linker.nativeLinker().downcallHandle(library.findOrThrow(symbol), descriptor);
    }

    /** A function of libggml-base. */
    MethodHandle function(String symbol, FunctionDescriptor descriptor) {
        return handle(base, symbol, descriptor);
    }

    /** Memory for tensors of so many bytes, and what describes them; it is ggml's, and stays. */
    MemorySegment context(long bytes, Arena arena) throws Throwable {
        MemorySegment params = arena.allocate(INIT_PARAMS);
        params.set(JAVA_LONG, 0, bytes + (1 << 20));
        params.set(ADDRESS, 8, MemorySegment.NULL);
        params.set(JAVA_BOOLEAN, 16, false);
        return (MemorySegment) function("ggml_init", FunctionDescriptor.of(ADDRESS, INIT_PARAMS))
                .invokeExact(params);
    }

    /** A tensor of four dimensions, the innermost first. */
    MemorySegment tensor(MemorySegment context, int type, long a, long b, long c, long d) throws Throwable {
        return (MemorySegment) function(
                        "ggml_new_tensor_4d",
                        FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG))
                .invokeExact(context, type, a, b, c, d);
    }

    /** What computes a tensor. */
    Runner runner(MemorySegment context, MemorySegment result) throws Throwable {
        var graph = (MemorySegment) function("ggml_new_graph", FunctionDescriptor.of(ADDRESS, ADDRESS))
                .invokeExact(context);
        function("ggml_build_forward_expand", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
                .invokeExact(graph, result);
        MethodHandle compute =
                function("ggml_backend_graph_compute", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        return () -> {
            int status = (int) compute.invokeExact(backend, graph);
            if (status != 0) {
                throw new IllegalStateException("ggml's status " + status);
            }
        };
    }

    /** A tensor's memory. */
    MemorySegment data(MemorySegment tensor, long bytes) throws Throwable {
        var address = (MemorySegment) function("ggml_get_data", FunctionDescriptor.of(ADDRESS, ADDRESS))
                .invokeExact(tensor);
        return address.reinterpret(bytes);
    }
}
