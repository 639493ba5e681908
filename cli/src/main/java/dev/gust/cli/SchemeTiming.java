package dev.gust.cli;

import dev.gust.formats.measure.Magnitudes;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/** Times quantizing and restoring a weight larger than a core's cache, in every scheme. */
final class SchemeTiming {
    /** A weight of 32 MiB in float32. */
    static final Shape LARGE = Shape.of(2048, 4096);

    private static final int FEWEST_RUNS = 5;

    private SchemeTiming() {}

    /**
     * One scheme.
     *
     * @param scheme its name
     * @param quantize bytes read and written per second, median
     * @param restore the same for the way back
     */
    record Row(String scheme, double quantize, double restore) {}

    /**
     * All of them.
     *
     * @param copy bytes read and written per second by copying the weight
     * @param rows the schemes
     */
    record Result(double copy, List<Row> rows) {}

    /**
     * Measures, spending about {@code seconds} on each figure.
     *
     * @param weight shape [M, K] of the weight, K a multiple of 128
     */
    static Result measure(Shape weight, double seconds) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment floats = arena.allocate(weight.elements() * Float.BYTES, 64);
            var random = new SplittableRandom(1);
            var f32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
            for (long i = 0; i < weight.elements(); i++) {
                floats.set(f32, i * Float.BYTES, (float) (random.nextGaussian() * 0.02));
            }
            MemorySegment restored = arena.allocate(floats.byteSize(), 64);
            double copy = 2.0 * floats.byteSize() / median(seconds, () -> restored.copyFrom(floats));
            var rows = new ArrayList<Row>();
            for (Scheme scheme : Scheme.values()) {
                rows.add(measure(scheme, weight, floats, restored, seconds));
            }
            return new Result(copy, List.copyOf(rows));
        }
    }

    private static Row measure(
            Scheme scheme, Shape weight, MemorySegment floats, MemorySegment restored, double seconds) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        try (Arena arena = Arena.ofConfined()) {
            List<MemorySegment> parts = quantizer.parts(weight).stream()
                    .map(p -> arena.allocate(p.byteSize(), 64))
                    .toList();
            double bytes = floats.byteSize()
                    + quantizer.parts(weight).stream().mapToLong(Part::byteSize).sum();
            double quantize = median(seconds, () -> {
                float amax =
                        quantizer.usesTensorAmax() ? Magnitudes.scan(floats, 0).max() : 0;
                quantizer.quantize(floats, weight.rows(), weight, amax, parts);
            });
            double restore =
                    median(seconds, () -> quantizer.dequantize(parts, weight.rows(), weight.columns(), restored));
            return new Row(scheme.label(), bytes / quantize, bytes / restore);
        }
    }

    /** Seconds of a run: the median of the second half of runs, the first half being for the JIT compiler. */
    private static double median(double seconds, Runnable work) {
        var times = new ArrayList<Double>();
        long end = System.nanoTime() + (long) (seconds * 1e9);
        while (times.size() < FEWEST_RUNS || System.nanoTime() < end) {
            long start = System.nanoTime();
            work.run();
            times.add((System.nanoTime() - start) / 1e9);
        }
        List<Double> warm = new ArrayList<>(times.subList(times.size() / 2, times.size()));
        Collections.sort(warm);
        return warm.get(warm.size() / 2);
    }
}
