package dev.gust.benchmarks;

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
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** Quantizing and restoring one weight [4096, 4096], one thread. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"
        })
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class SchemeBenchmark {
    private static final Shape WEIGHT = Shape.of(Floats.ELEMENTS / Floats.COLUMNS, Floats.COLUMNS);

    @Param({
        "FP8",
        "FP8_TENSOR",
        "FP8_BLOCK",
        "FP8_E5M2",
        "MXFP8",
        "MXFP6_E2M3",
        "MXFP6_E3M2",
        "MXFP4",
        "NVFP4",
        "INT8",
        "INT4"
    })
    public Scheme scheme = Scheme.FP8;

    private Arena arena = Arena.ofShared();
    private WeightQuantizer quantizer = Quantizers.of(Scheme.FP8, ScaleRule.EVEN, DType.F32);
    private MemorySegment floats = MemorySegment.NULL;
    private MemorySegment restored = MemorySegment.NULL;
    private List<MemorySegment> parts = List.of();
    private float amax;

    /** Bytes that quantizing or restoring once reads and writes together. */
    static long bytes(String scheme) {
        return Floats.ELEMENTS * Float.BYTES
                + Quantizers.of(Scheme.valueOf(scheme), ScaleRule.EVEN, DType.F32).parts(WEIGHT).stream()
                        .mapToLong(Part::byteSize)
                        .sum();
    }

    @Setup
    public void allocate() {
        arena = Arena.ofShared();
        quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        floats = Floats.gaussian(arena, Floats.ELEMENTS, 1);
        restored = arena.allocate(floats.byteSize(), 64).fill((byte) 1);
        parts = quantizer.parts(WEIGHT).stream()
                .map(p -> arena.allocate(p.byteSize(), 64))
                .toList();
        amax = Magnitudes.scan(floats, 0).max();
        quantizer.quantize(floats, WEIGHT.rows(), WEIGHT, amax, parts);
    }

    @TearDown
    public void free() {
        arena.close();
    }

    @Benchmark
    public void encode() {
        quantizer.quantize(floats, WEIGHT.rows(), WEIGHT, amax, parts);
    }

    @Benchmark
    public void decode() {
        quantizer.dequantize(parts, WEIGHT.rows(), WEIGHT.columns(), restored);
    }

    @Benchmark
    public void copy() {
        restored.copyFrom(floats);
    }
}
