package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/** Bulk encode and decode of one stored type, one thread; {@code copy} of the floats is the limit to hold against. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"
        })
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
public class CodecBenchmark {
    @Param({
        "F16",
        "BF16",
        "F8_E4M3",
        "F8_E5M2",
        "F8_E4M3FNUZ",
        "F8_E5M2FNUZ",
        "F8_E8M0",
        "F6_E2M3",
        "F6_E3M2",
        "F4",
        "I8",
        "Q8_0",
        "Q4_0",
        "Q4_1",
        "Q5_0",
        "Q5_1",
        "Q4_K",
        "Q6_K",
        "MXFP4",
        "NVFP4"
    })
    public DType dtype = DType.F16;

    private Arena arena = Arena.ofShared();
    private TensorCodec codec = Codecs.of(DType.F16).orElseThrow();
    private MemorySegment floats = MemorySegment.NULL;
    private MemorySegment restored = MemorySegment.NULL;
    private MemorySegment stored = MemorySegment.NULL;

    /** Bytes that encoding or decoding once reads and writes together. */
    static long bytes(String dtype) {
        return Floats.ELEMENTS * Float.BYTES + DType.valueOf(dtype).byteSize(Floats.ELEMENTS);
    }

    @Setup
    public void allocate() {
        arena = Arena.ofShared();
        codec = Codecs.of(dtype).orElseThrow();
        floats = Floats.gaussian(arena, Floats.ELEMENTS, 1);
        restored = arena.allocate(floats.byteSize(), 64).fill((byte) 1);
        stored = arena.allocate(dtype.byteSize(Floats.ELEMENTS), 64).fill((byte) 1);
        codec.encode(floats, 0, stored, 0, Floats.ELEMENTS);
    }

    @TearDown
    public void free() {
        arena.close();
    }

    @Benchmark
    public void encode() {
        codec.encode(floats, 0, stored, 0, Floats.ELEMENTS);
    }

    @Benchmark
    public void decode() {
        codec.decode(stored, 0, restored, 0, Floats.ELEMENTS);
    }

    @Benchmark
    public void copy() {
        restored.copyFrom(floats);
    }
}
