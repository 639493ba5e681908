package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.QuantizedMatmul;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * GEMV on the jvm device beside llama.cpp's CPU backend: the same bytes in the same memory, 2 threads each, taking turns so
 * that a busy neighbour hurts both, and beside reading the weight's bytes and doing nothing with them.
 */
final class MatmulComparison {
    private static final int ROUNDS = 25;
    private static final int THREADS = 2;

    /** Rows that are encoded; the weight repeats them. */
    private static final int DISTINCT_ROWS = 128;

    private static final double MOST_DIFFERENCE = 0.03;

    /**
     * A type both sides multiply by.
     *
     * @param dtype ours
     * @param type ggml's number of it
     */
    private record Shared(DType dtype, int type) {}

    private static final List<Shared> TYPES = List.of(
            new Shared(DType.Q8_0, 8),
            new Shared(DType.Q4_K, 12),
            new Shared(DType.MXFP4, 39),
            new Shared(DType.NVFP4, 40),
            new Shared(DType.Q4_0, 2),
            new Shared(DType.Q6_K, 14));

    private static final long[][] SHAPES = {{14336, 4096}, {4096, 14336}};

    private MatmulComparison() {}

    static void print(Path folder) throws Throwable {
        try (Arena arena = Arena.ofShared();
                var device = new JvmDevice()) {
            var peer = new GgmlBackend(folder, THREADS);
            System.out.println(
                    "GEMV, " + THREADS + " threads, GB/s of weights, medians of " + ROUNDS + "; " + peer.variant());
            System.out.printf(
                    "%-6s %6s %6s %9s %9s %9s %7s %9s%n",
                    "type", "N", "K", "integers", "float32", "llama.cpp", "ratio", "reading");
            for (Shared shared : TYPES) {
                for (long[] shape : SHAPES) {
                    row(device, peer, shared, shape[0], shape[1], arena);
                }
            }
        }
    }

    private static void row(JvmDevice device, GgmlBackend peer, Shared shared, long n, long k, Arena arena)
            throws Throwable {
        GgmlMatmul theirs = GgmlMatmul.of(peer, shared.dtype(), shared.type(), n, k, arena);
        fill(shared.dtype(), theirs.weight(), n, k, arena);
        theirs.x().copyFrom(Floats.gaussian(arena, k, 2));
        var weight = new LinearWeight(
                "weight", n, k, new WeightFormat.Blocks(shared.dtype()), theirs.weight(), MemorySegment.NULL, 1);
        MemorySegment y = arena.allocate(n * Float.BYTES, 64);
        MatmulOptions options = MatmulOptions.DEFAULT.withThreads(THREADS);
        try (MatmulPlan integers = QuantizedMatmul.prepare(device, weight, options);
                MatmulPlan floats = QuantizedMatmul.prepare(device, weight, options.withIntegerPath(false))) {
            List<GgmlBackend.Runner> steps = List.of(
                    () -> integers.multiply(theirs.x(), 1, y),
                    () -> floats.multiply(theirs.x(), 1, y),
                    theirs.runner(),
                    () -> HostRead.sum(device, theirs.weight(), THREADS));
            double[] medians = medians(steps, peer);
            integers.multiply(theirs.x(), 1, y);
            check(y, theirs.y());
            double bytes = theirs.weight().byteSize() / 1e9;
            System.out.printf(
                    Locale.ROOT,
                    "%-6s %6d %6d %9.1f %9.1f %9.1f %7.2f %9.1f%n",
                    shared.dtype(),
                    n,
                    k,
                    bytes / medians[0],
                    bytes / medians[1],
                    bytes / medians[2],
                    medians[2] / medians[0],
                    bytes / medians[3]);
        }
    }

    private static void fill(DType dtype, MemorySegment weight, long n, long k, Arena arena) {
        long bytes = DISTINCT_ROWS * dtype.byteSize(k);
        Codecs.of(dtype)
                .orElseThrow()
                .encode(Floats.gaussian(arena, DISTINCT_ROWS * k, 1), 0, weight, 0, DISTINCT_ROWS * k);
        for (long row = DISTINCT_ROWS; row < n; row += DISTINCT_ROWS) {
            MemorySegment.copy(weight, 0, weight, row / DISTINCT_ROWS * bytes, bytes);
        }
    }

    /** Each step's median in seconds; as many rounds go before to warm up. */
    private static double[] medians(List<GgmlBackend.Runner> steps, GgmlBackend peer) throws Throwable {
        double[][] seconds = new double[steps.size()][ROUNDS];
        for (int i = -ROUNDS; i < ROUNDS; i++) {
            for (int s = 0; s < steps.size(); s++) {
                long start = System.nanoTime();
                steps.get(s).run();
                double taken = (System.nanoTime() - start) / 1e9;
                peer.rest();
                if (i >= 0) {
                    seconds[s][i] = taken;
                }
            }
        }
        return Arrays.stream(seconds)
                .mapToDouble(t -> Arrays.stream(t).sorted().toArray()[ROUNDS / 2])
                .toArray();
    }

    private static void check(MemorySegment ours, MemorySegment theirs) {
        double difference = 0;
        double squares = 0;
        for (long i = 0; i < ours.byteSize() / Float.BYTES; i++) {
            double a = ours.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            double b = theirs.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
            difference += (a - b) * (a - b);
            squares += b * b;
        }
        if (!(Math.sqrt(difference / squares) < MOST_DIFFERENCE)) {
            throw new IllegalStateException("the products differ by " + Math.sqrt(difference / squares));
        }
    }
}
