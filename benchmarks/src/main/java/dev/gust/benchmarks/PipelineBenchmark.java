package dev.gust.benchmarks;

import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.pipeline.ConversionPlanner;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorSelection;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
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

/**
 * The whole of {@code gust quantize} and {@code gust dequantize} over a model of 268 MB, files and fsync included, all
 * threads; {@code copy} is memory copied by one.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-XX:+UseSerialGC"
        })
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 3, time = 3)
public class PipelineBenchmark {
    private static final int LAYERS = 8;

    @Param({"fp8", "mxfp4", "nvfp4", "int8", "int4", "q8_0", "q4_0"})
    public String scheme = "fp8";

    private Arena arena = Arena.ofShared();
    private MemorySegment floats = MemorySegment.NULL;
    private MemorySegment copied = MemorySegment.NULL;
    private Path folder = Path.of("");
    private Path model = Path.of("");
    private Path quantized = Path.of("");

    /** Bytes of the model, which quantizing reads and dequantizing writes; the other side is left out. */
    static long bytes() {
        return 2L * LAYERS * EndToEnd.HIDDEN * EndToEnd.HIDDEN;
    }

    @Setup
    public void generate() throws IOException {
        arena = Arena.ofShared();
        floats = Floats.gaussian(arena, Floats.ELEMENTS, 1);
        copied = arena.allocate(floats.byteSize(), 64).fill((byte) 1);
        folder = Files.createTempDirectory("gust-pipeline");
        model = folder.resolve("model.safetensors");
        quantized = folder.resolve("quantized" + (scheme.startsWith("q") ? ".gguf" : ".safetensors"));
        EndToEnd.generate(model, LAYERS);
        encode();
    }

    @TearDown
    public void delete() throws IOException {
        arena.close();
        try (var files = Files.walk(folder)) {
            for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(file);
            }
        }
    }

    @Benchmark
    public void encode() {
        run(model, quantized, (input, logical) -> {
            var request = QuantizationRequest.of(
                    scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, quantized);
            return QuantizationPlanner.plan(input, logical, request, quantized);
        });
    }

    @Benchmark
    public void decode() {
        Path restored = folder.resolve("restored.safetensors");
        run(
                quantized,
                restored,
                (input, logical) -> ConversionPlanner.dequantize(input, logical, DType.BF16, restored));
    }

    @Benchmark
    public void copy() {
        copied.copyFrom(floats);
    }

    private interface Planner {
        OutputPlan plan(ModelInput input, LogicalModel logical);
    }

    private static void run(Path in, Path out, Planner planner) {
        try (ModelInput input = ModelFiles.open(in.toString())) {
            LogicalModel logical = LogicalModel.of(input.source(), Optional.empty());
            int threads = Runtime.getRuntime().availableProcessors();
            ModelWriter.write(
                    logical,
                    planner.plan(input, logical),
                    new RunOptions(threads, false, true, () -> false, Progress.NONE));
        }
        if (!Files.isRegularFile(out)) {
            throw new UncheckedIOException(new IOException(out + " was not written"));
        }
    }
}
