package dev.gust.cli;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A typical run, done once after the build while the JVM takes notes for its ahead-of-time cache: which classes are
 * needed, and how the loops behave. Every later start is quicker for it. Not part of the command line.
 */
final class TrainingRun {
    private static final Shape WEIGHT = Shape.of(768, 768);
    private static final int LAYERS = 4;

    private TrainingRun() {}

    public static void main(String[] args) throws IOException {
        Path folder = Files.createTempDirectory("gust-training");
        try {
            Path model = folder.resolve("model.safetensors");
            write(model);
            var silent = new PrintWriter(Writer.nullWriter());
            for (String scheme : List.of("nvfp4", "mxfp4", "fp8", "int8")) {
                String out = folder.resolve(scheme).toString();
                check(Main.run(silent, silent, "quantize", model.toString(), out, "--scheme", scheme));
                check(Main.run(silent, silent, "inspect", out));
                check(Main.run(silent, silent, "verify", out));
            }
            check(Main.run(silent, silent, "devices"));
        } finally {
            try (var paths = Files.walk(folder)) {
                for (Path path : paths.sorted((a, b) -> b.compareTo(a)).toList()) {
                    Files.delete(path);
                }
            }
        }
    }

    private static void check(int code) {
        if (code != ExitCodes.DONE) {
            throw new IllegalStateException("exit code " + code);
        }
    }

    private static void write(Path path) throws IOException {
        var tensors = new ArrayList<TensorInfo>();
        for (int i = 0; i < LAYERS; i++) {
            tensors.add(new TensorInfo("layers." + i + ".proj.weight", i % 2 == 0 ? DType.F32 : DType.BF16, WEIGHT));
        }
        long elements = WEIGHT.elements();
        try (Arena arena = Arena.ofConfined();
                LayoutWriter writer = LayoutWriter.open(path, SafetensorsLayout.of(tensors, Map.of()))) {
            MemorySegment floats = arena.allocate(elements * Float.BYTES);
            var random = new SplittableRandom(1);
            var f32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
            for (long i = 0; i < elements; i++) {
                floats.set(f32, i * Float.BYTES, (float) random.nextGaussian());
            }
            for (TensorInfo tensor : tensors) {
                MemorySegment stored = arena.allocate(tensor.byteSize());
                Codecs.of(tensor.dtype()).orElseThrow().encode(floats, 0, stored, 0, elements);
                writer.write(tensor.name(), 0, stored);
            }
        }
    }
}
