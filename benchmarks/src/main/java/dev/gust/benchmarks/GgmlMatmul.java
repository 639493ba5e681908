package dev.gust.benchmarks;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.gust.formats.tensor.DType;
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
 * {@code ggml_mul_mat} of one weight with one row of x on llama.cpp's CPU backend, with a pool of threads that outlives
 * calls, called through ggml's C functions (ggml.h, ggml-backend.h, ggml-cpu.h).
 */
final class GgmlMatmul {
    private static final MemoryLayout INIT_PARAMS = MemoryLayout.structLayout(
            JAVA_LONG.withName("mem_size"),
            ADDRESS.withName("mem_buffer"),
            JAVA_BOOLEAN.withName("no_alloc"),
            MemoryLayout.paddingLayout(7));

    /** More than sizeof(struct ggml_threadpool_params), which this library fills in. */
    private static final int THREADPOOL_PARAMS_BYTES = 1024;

    private static final int F32 = 0;

    private final SymbolLookup base;
    private final MemorySegment backend;
    private final MemorySegment pool;
    private final MethodHandle pause;
    private final String variant;

    /**
     * Loads the variant of the backend that scores best on this machine, as {@code ggml_backend_load_best} does.
     *
     * @param folder has libggml-base.so and the libggml-cpu-*.so
     */
    GgmlMatmul(Path folder, int threads) throws Throwable {
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

    /**
     * A graph of one product.
     *
     * @param weight the stored weight, to be filled in
     * @param x one row of it
     * @param y receives one row
     */
    record Product(MemorySegment weight, MemorySegment x, MemorySegment y, Runner runner) {}

    /** Computes a graph. */
    interface Runner {
        void run() throws Throwable;
    }

    /** Builds the graph; its memory is ggml's, and stays. */
    Product product(DType dtype, int type, long n, long k, Arena arena) throws Throwable {
        long bytes = n * dtype.byteSize(k);
        MemorySegment params = arena.allocate(INIT_PARAMS);
        params.set(JAVA_LONG, 0, bytes + (k + n) * Float.BYTES + (1 << 20));
        params.set(ADDRESS, 8, MemorySegment.NULL);
        params.set(JAVA_BOOLEAN, 16, false);
        var context = (MemorySegment) handle(base, "ggml_init", FunctionDescriptor.of(ADDRESS, INIT_PARAMS))
                .invokeExact(params);
        MethodHandle tensor = handle(
                base, "ggml_new_tensor_2d", FunctionDescriptor.of(ADDRESS, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG));
        var w = (MemorySegment) tensor.invokeExact(context, type, k, n);
        var x = (MemorySegment) tensor.invokeExact(context, F32, k, 1L);
        var y = (MemorySegment) handle(base, "ggml_mul_mat", FunctionDescriptor.of(ADDRESS, ADDRESS, ADDRESS, ADDRESS))
                .invokeExact(context, w, x);
        var graph = (MemorySegment) handle(base, "ggml_new_graph", FunctionDescriptor.of(ADDRESS, ADDRESS))
                .invokeExact(context);
        handle(base, "ggml_build_forward_expand", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
                .invokeExact(graph, y);
        MethodHandle compute =
                handle(base, "ggml_backend_graph_compute", FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
        return new Product(data(w, bytes), data(x, k * Float.BYTES), data(y, n * Float.BYTES), () -> {
            int status = (int) compute.invokeExact(backend, graph);
            if (status != 0) {
                throw new IllegalStateException("ggml's status " + status);
            }
        });
    }

    private MemorySegment data(MemorySegment tensor, long bytes) throws Throwable {
        var address = (MemorySegment) handle(base, "ggml_get_data", FunctionDescriptor.of(ADDRESS, ADDRESS))
                .invokeExact(tensor);
        return address.reinterpret(bytes);
    }
}
