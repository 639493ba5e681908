package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * Our encoders beside llama.cpp's {@code ggml_quantize_chunk}, same data, same process, one thread each, taking turns
 * so that a busy neighbour hurts both.
 */
final class PeerComparison {
    private static final int ROUNDS = 9;

    /** ggml's number of Q8_0. */
    private static final int Q8_0 = 8;

    /**
     * A type both sides encode.
     *
     * @param dtype ours
     * @param type ggml's number of it
     */
    private record Shared(DType dtype, int type) {}

    private static final List<Shared> TYPES = List.of(
            new Shared(DType.Q8_0, Q8_0),
            new Shared(DType.MXFP4, 39),
            new Shared(DType.NVFP4, 40),
            new Shared(DType.Q4_0, 2),
            new Shared(DType.Q4_1, 3),
            new Shared(DType.Q5_0, 6),
            new Shared(DType.Q5_1, 7),
            new Shared(DType.Q4_K, 12),
            new Shared(DType.Q6_K, 14));

    private PeerComparison() {}

    static void print(Path library) throws Throwable {
        try (Arena arena = Arena.ofShared()) {
            MethodHandle quantizeChunk = Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup(library, arena).findOrThrow("ggml_quantize_chunk"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.ADDRESS));
            long elements = Floats.ELEMENTS / 4;
            MemorySegment floats = Floats.gaussian(arena, elements, 1);
            MemorySegment theirs = arena.allocate(elements * Float.BYTES, 64);
            MemorySegment ours = arena.allocate(elements * Float.BYTES, 64);
            System.out.printf("%-18s %12s %12s %8s%n", "encoder", "ours", "llama.cpp", "ratio");
            for (Shared shared : TYPES) {
                DType dtype = shared.dtype();
                int type = shared.type();
                TensorCodec codec = Codecs.of(dtype).orElseThrow();
                Step peer = () -> {
                    long written = (long) quantizeChunk.invokeExact(
                            type, floats, theirs, 0L, elements / Floats.COLUMNS, Floats.COLUMNS, MemorySegment.NULL);
                    if (written != dtype.byteSize(elements)) {
                        throw new IllegalStateException(dtype + ": wrote " + written);
                    }
                };
                row(dtype + " blocks", () -> codec.encode(floats, 0, ours, 0, elements), peer, elements);
                if (dtype == DType.MXFP4 || dtype == DType.NVFP4) {
                    Scheme scheme = Scheme.valueOf(dtype.name());
                    row(scheme.label() + " parts", parts(scheme, arena, floats, elements), peer, elements);
                }
            }
            // ggml has no FP8: its nearest, the 8-bit block type, stands in.
            row(
                    "fp8 (peer Q8_0)",
                    parts(Scheme.FP8, arena, floats, elements),
                    () -> {
                        long written = (long) quantizeChunk.invokeExact(
                                Q8_0,
                                floats,
                                theirs,
                                0L,
                                elements / Floats.COLUMNS,
                                Floats.COLUMNS,
                                MemorySegment.NULL);
                        if (written <= 0) {
                            throw new IllegalStateException("Q8_0: wrote " + written);
                        }
                    },
                    elements);
        }
    }

    private interface Step {
        void run() throws Throwable;
    }

    private static Step parts(Scheme scheme, Arena arena, MemorySegment floats, long elements) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        Shape shape = Shape.of(elements / Floats.COLUMNS, Floats.COLUMNS);
        List<MemorySegment> parts = quantizer.parts(shape).stream()
                .map(p -> arena.allocate(p.byteSize(), 64))
                .toList();
        return () -> {
            float amax = quantizer.usesTensorAmax() ? Magnitudes.scan(floats, 0).max() : 0;
            quantizer.quantize(floats, shape.rows(), shape, amax, parts);
        };
    }

    private static void row(String name, Step ours, Step peer, long elements) throws Throwable {
        double[] a = new double[ROUNDS];
        double[] b = new double[ROUNDS];
        for (int i = -ROUNDS; i < ROUNDS; i++) { // the first half warms up
            double us = time(ours);
            double them = time(peer);
            if (i >= 0) {
                a[i] = us;
                b[i] = them;
            }
        }
        Arrays.sort(a);
        Arrays.sort(b);
        double us = a[ROUNDS / 2];
        double them = b[ROUNDS / 2];
        System.out.printf(
                Locale.ROOT,
                "%-18s %6.2f Gel/s %6.2f Gel/s %7.2fx%n",
                name,
                elements / us / 1e9,
                elements / them / 1e9,
                them / us);
    }

    private static double time(Step step) throws Throwable {
        long start = System.nanoTime();
        step.run();
        return (System.nanoTime() - start) / 1e9;
    }
}
