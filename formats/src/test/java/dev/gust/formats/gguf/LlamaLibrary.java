package dev.gust.formats.gguf;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;

/** llama.cpp's model loader, of the same package as {@link GgmlLibrary}. */
final class LlamaLibrary {
    /**
     * Stands for llama_model_params, whose fields we do not touch: what C passes and returns in memory may be larger
     * than C's own struct, as the callee uses only as much as it knows.
     */
    private static final MemoryLayout PARAMS = MemoryLayout.structLayout(MemoryLayout.sequenceLayout(64, JAVA_LONG));

    private final SymbolLookup llama;

    /**
     * A model as the loader sees it.
     *
     * @param parameters number of weights
     * @param bytes what they take
     */
    record Model(long parameters, long bytes) {}

    LlamaLibrary(GgmlLibrary ggml) {
        llama = ggml.library("libllama.v");
        try (Arena arena = Arena.ofConfined()) {
            var quiet = MethodHandles.lookup()
                    .findStatic(
                            LlamaLibrary.class,
                            "ignore",
                            MethodType.methodType(void.class, int.class, MemorySegment.class, MemorySegment.class));
            MemorySegment log = Linker.nativeLinker()
                    .upcallStub(quiet, FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS), Arena.global());
            GgmlLibrary.handle(llama, "llama_log_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
                    .invokeExact(log, MemorySegment.NULL);
            GgmlLibrary.handle(
                            ggml.library("libggml.v"),
                            "ggml_backend_load_all_from_path",
                            FunctionDescriptor.ofVoid(ADDRESS))
                    .invokeExact(arena.allocateFrom(ggml.folder().toString()));
        } catch (Throwable e) {
            throw new AssertionError("libllama cannot be set up", e);
        }
    }

    @SuppressWarnings("unused")
    private static void ignore(int level, MemorySegment text, MemorySegment user) {
        // The loader reports hundreds of lines; its verdict is what counts.
    }

    /** Loads the model and lets it go again. */
    Model load(Path file) {
        try (Arena arena = Arena.ofConfined()) {
            var params = (MemorySegment)
                    GgmlLibrary.handle(llama, "llama_model_default_params", FunctionDescriptor.of(PARAMS))
                            .invoke((SegmentAllocator) arena);
            var model = (MemorySegment) GgmlLibrary.handle(
                            llama, "llama_model_load_from_file", FunctionDescriptor.of(ADDRESS, ADDRESS, PARAMS))
                    .invokeExact(arena.allocateFrom(file.toString()), params);
            if (model.equals(MemorySegment.NULL)) {
                throw new AssertionError("llama.cpp does not load " + file);
            }
            var loaded = new Model(
                    (long) GgmlLibrary.handle(llama, "llama_model_n_params", FunctionDescriptor.of(JAVA_LONG, ADDRESS))
                            .invokeExact(model),
                    (long) GgmlLibrary.handle(llama, "llama_model_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS))
                            .invokeExact(model));
            GgmlLibrary.handle(llama, "llama_model_free", FunctionDescriptor.ofVoid(ADDRESS))
                    .invokeExact(model);
            return loaded;
        } catch (Throwable e) {
            throw new AssertionError("llama_model_load_from_file", e);
        }
    }
}
