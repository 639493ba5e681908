package dev.gust.benchmarks;

import com.sun.nio.file.ExtendedOpenOption;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * The whole pipeline over a model of a given size, beside what bounds it: the disk, which reads the model cold and writes
 * as many bytes as the output has, front to back with nothing else going on; and the work in memory. A round measures
 * all of them, one after the other, so that what disturbs one disturbs its neighbours.
 */
final class EndToEnd {
    static final int HIDDEN = 4096;

    private static final List<String> SCHEMES = List.of("fp8", "nvfp4", "mxfp4", "int8", "q8_0", "q4_k");
    private static final int ROUNDS = 3;
    private static final int WARM_UP_LAYERS = 8;

    /** One round: seconds, and bytes. */
    private record Round(
            double total,
            double read,
            double write,
            double cachedRead,
            double cachedWrite,
            double encode,
            double withError,
            double outBytes,
            double memory) {
        /** The slower of the disk, each direction taken the faster way, and the work. */
        double bound() {
            return Math.max(Math.min(read, cachedRead) + Math.min(write, cachedWrite), withError);
        }

        double ratio() {
            return total / bound();
        }
    }

    private final Path folder;
    private final int threads = Runtime.getRuntime().availableProcessors();
    private final PageCache cache = new PageCache();
    private final PlainDisk disk = new PlainDisk();

    private EndToEnd(Path folder) {
        this.folder = folder;
    }

    /**
     * Prints a line for each scheme.
     *
     * @param schemes which; all of them if empty
     */
    static void run(Path folder, double gigabytes, List<String> schemes) throws IOException {
        Files.createDirectories(folder);
        int layers = (int) Math.max(1, Math.round(gigabytes * 1e9 / (2.0 * HIDDEN * HIDDEN)));
        new EndToEnd(folder).run(layers, schemes.isEmpty() ? SCHEMES : schemes);
    }

    private void run(int layers, List<String> schemes) throws IOException {
        Path model = folder.resolve("generated.safetensors");
        Path warmUp = folder.resolve("warm-up.safetensors");
        generate(model, layers);
        generate(warmUp, WARM_UP_LAYERS);
        System.out.printf(
                Locale.ROOT,
                "model of %.2f GB in BF16, %d threads; medians of %d rounds, in seconds%n",
                Files.size(model) / 1e9,
                threads,
                ROUNDS);
        System.out.printf(
                "%-8s %7s %6s | %6s %6s %9s %9s | %7s %8s | %6s %10s %8s%n",
                "scheme", "OUT GB", "total", "read", "write", "(cached", "cached)", "encode", "+ error", "ratio", "",
                "memory");
        for (String scheme : schemes) {
            print(scheme, rounds(model, warmUp, layers, scheme));
        }
        Files.delete(model);
        Files.delete(warmUp);
    }

    private List<Round> rounds(Path model, Path warmUp, int layers, String scheme) throws IOException {
        Path out = folder.resolve(scheme + (scheme.startsWith("q") ? ".gguf" : ".safetensors"));
        Path copy = folder.resolve("written");
        for (int i = 0; i < 2; i++) {
            quantize(warmUp, out, scheme);
            inMemory(out, scheme, WARM_UP_LAYERS, false);
            inMemory(out, scheme, WARM_UP_LAYERS, true);
        }
        Files.delete(out);
        cache.settle();
        var rounds = new ArrayList<Round>();
        for (int i = 0; i < ROUNDS; i++) {
            cache.drop(model);
            double total;
            double memory;
            try (var peak = new MemoryPeak()) {
                total = quantize(model, out, scheme);
                memory = peak.bytes();
            }
            long size = Files.size(out);
            cache.drop(model);
            double cachedRead = PlainDisk.read(model);
            double cachedWrite = disk.write(copy, size);
            Files.delete(copy);
            cache.drop(model);
            double encode = inMemory(out, scheme, layers, false);
            double read = PlainDisk.read(model, ExtendedOpenOption.DIRECT);
            double write = disk.write(copy, size, ExtendedOpenOption.DIRECT);
            // A file system may tell the disk about deleted files for seconds: not while something is measured.
            Files.delete(copy);
            Files.delete(out);
            cache.settle();
            double withError = inMemory(out, scheme, layers, true);
            rounds.add(new Round(total, read, write, cachedRead, cachedWrite, encode, withError, size, memory));
        }
        return rounds;
    }

    private double inMemory(Path out, String scheme, int layers, boolean withError) {
        try (var memory = new InMemory(weights(layers))) {
            return memory.quantize(scheme, out, threads, withError);
        }
    }

    private static void print(String scheme, List<Round> rounds) {
        System.out.printf(
                Locale.ROOT,
                "%-8s %7.2f %6.1f | %6.1f %6.1f %9.1f %9.1f | %7.1f %8.1f | %6.2f %10s %5.0f MB%n",
                scheme,
                median(rounds, Round::outBytes) / 1e9,
                median(rounds, Round::total),
                median(rounds, Round::read),
                median(rounds, Round::write),
                median(rounds, Round::cachedRead),
                median(rounds, Round::cachedWrite),
                median(rounds, Round::encode),
                median(rounds, Round::withError),
                median(rounds, Round::ratio),
                String.format(
                        Locale.ROOT,
                        "%.2f-%.2f",
                        rounds.stream().mapToDouble(Round::ratio).min().orElse(0),
                        rounds.stream().mapToDouble(Round::ratio).max().orElse(0)),
                rounds.stream().mapToDouble(Round::memory).max().orElse(0) / 1e6);
    }

    private static double median(List<Round> rounds, ToDoubleFunction<Round> figure) {
        return rounds.stream().mapToDouble(figure).sorted().toArray()[rounds.size() / 2];
    }

    private static List<TensorInfo> weights(int layers) {
        var tensors = new ArrayList<TensorInfo>();
        for (int i = 0; i < layers; i++) {
            tensors.add(new TensorInfo("layers." + i + ".proj.weight", DType.BF16, Shape.of(HIDDEN, HIDDEN)));
        }
        return tensors;
    }

    static void generate(Path path, int layers) throws IOException {
        List<TensorInfo> tensors = weights(layers);
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

    private double quantize(Path model, Path out, String scheme) {
        long start = System.nanoTime();
        try (ModelInput input = ModelFiles.open(model.toString())) {
            LogicalModel logical = LogicalModel.of(input.source(), Optional.empty());
            var request =
                    QuantizationRequest.of(scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, out);
            OutputPlan plan = QuantizationPlanner.plan(input, logical, request, out);
            ModelWriter.write(logical, plan, new RunOptions(threads, false, true, () -> false, Progress.NONE));
        }
        return (System.nanoTime() - start) / 1e9;
    }
}
