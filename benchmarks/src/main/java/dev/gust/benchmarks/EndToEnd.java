package dev.gust.benchmarks;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorSelection;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The whole pipeline over a model of a given size, against the time that merely copying its file takes. */
final class EndToEnd {
    static final int HIDDEN = 4096;

    private EndToEnd() {}

    static void run(Path folder, double gigabytes) throws IOException {
        Files.createDirectories(folder);
        Path model = folder.resolve("generated.safetensors");
        int layers = (int) Math.max(1, Math.round(gigabytes * 1e9 / (2.0 * HIDDEN * HIDDEN)));
        generate(model, layers);
        double size = Files.size(model);
        double copy = copy(model, folder.resolve("copy.safetensors"));
        System.out.printf(
                Locale.ROOT,
                "model of %.2f GB in BF16; copying the file: %.1f s, %.2f GB/s read%n",
                size / 1e9,
                copy,
                size / copy / 1e9);
        System.out.printf("%-10s %8s %10s %9s %14s%n", "scheme", "seconds", "GB/s read", "of copy", "anonymous RSS");
        for (String scheme : List.of("fp8", "mxfp4", "nvfp4", "int8", "q8_0", "q4_k")) {
            boolean blocks = scheme.startsWith("q");
            Path out = folder.resolve(scheme + (blocks ? ".gguf" : ".safetensors"));
            double seconds = quantize(model, out, scheme);
            System.out.printf(
                    Locale.ROOT,
                    "%-10s %8.1f %10.2f %8.0f%% %11.0f MB%n",
                    scheme,
                    seconds,
                    size / seconds / 1e9,
                    100 * copy / seconds,
                    anonymousBytes() / 1e6);
            Files.delete(out);
        }
        Files.delete(model);
    }

    static void generate(Path path, int layers) throws IOException {
        var tensors = new ArrayList<TensorInfo>();
        for (int i = 0; i < layers; i++) {
            tensors.add(new TensorInfo("layers." + i + ".proj.weight", DType.BF16, Shape.of(HIDDEN, HIDDEN)));
        }
        FileLayout layout = SafetensorsLayout.of(tensors, Map.of("format", "pt"));
        Files.deleteIfExists(path);
        try (Arena arena = Arena.ofShared();
                LayoutWriter writer = LayoutWriter.open(path, layout)) {
            MemorySegment floats = Floats.gaussian(arena, (long) HIDDEN * HIDDEN, 7);
            MemorySegment weights = arena.allocate((long) HIDDEN * HIDDEN * 2, 64);
            Codecs.of(DType.BF16).orElseThrow().encode(floats, 0, weights, 0, (long) HIDDEN * HIDDEN);
            for (TensorInfo tensor : tensors) {
                writer.write(tensor.name(), 0, weights);
            }
            writer.force();
        }
    }

    private static double copy(Path from, Path to) throws IOException {
        long start = System.nanoTime();
        try (FileChannel in = FileChannel.open(from);
                FileChannel out = FileChannel.open(to, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (long done = 0; done < in.size(); ) {
                done += in.transferTo(done, in.size() - done, out);
            }
            out.force(true);
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        Files.delete(to);
        return seconds;
    }

    private static double quantize(Path model, Path out, String scheme) {
        long start = System.nanoTime();
        try (ModelInput input = ModelFiles.open(model.toString())) {
            LogicalModel logical = LogicalModel.of(input.source(), Optional.empty());
            var request =
                    QuantizationRequest.of(scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, out);
            OutputPlan plan = QuantizationPlanner.plan(input, logical, request, out);
            int threads = Runtime.getRuntime().availableProcessors();
            ModelWriter.write(logical, plan, new RunOptions(threads, false, true, () -> false, Progress.NONE));
        }
        return (System.nanoTime() - start) / 1e9;
    }

    /** Heap and native memory of this process, mapped file pages aside, in bytes; 0 where the system does not tell. */
    private static double anonymousBytes() {
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            return lines.filter(l -> l.startsWith("RssAnon:"))
                    .mapToDouble(l -> Double.parseDouble(l.replaceAll("\\D+", "")) * 1024)
                    .findFirst()
                    .orElse(0);
        } catch (IOException e) {
            return 0;
        }
    }
}
