package dev.gust.quantization;

import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.quantization.pipeline.ConversionPlanner;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorOutcome;
import dev.gust.quantization.pipeline.TensorSelection;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.BiFunction;

/** Small models on disk, and runs of the pipelines over them. */
public final class Pipelines {
    public static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** Rows of the one weight that is cut into three pieces. */
    public static final int MANY_ROWS = 2600;

    public static final String LAYER = "model.layers.0.";

    private Pipelines() {}

    /** An open model, both ways of seeing it. */
    public record Opened(ModelInput input, LogicalModel model) implements AutoCloseable {
        @Override
        public void close() {
            model.close();
            input.close();
        }
    }

    public static Opened open(Path path) {
        ModelInput input = ModelFiles.open(path.toString());
        return new Opened(
                input, LogicalModel.of(input.source(), input.config().flatMap(QuantizationConfig::declaredScheme)));
    }

    public static RunOptions threads(int threads) {
        return new RunOptions(threads, false, false, () -> false, Progress.NONE);
    }

    public static float[] gaussian(long seed, int count) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (random.nextGaussian() * 0.05);
        }
        return values;
    }

    /** The tensors of a one-layer Llama, with one weight that no block divides, one without rows and some integers. */
    public static SafetensorsFixture llama() {
        return new SafetensorsFixture()
                .floats("model.embed_tokens.weight", gaussian(1, 10 * 128), 10, 128)
                .floats(LAYER + "self_attn.q_proj.weight", gaussian(2, MANY_ROWS * 128), MANY_ROWS, 128)
                .floats(LAYER + "self_attn.k_proj.weight", gaussian(3, 16 * 128), 16, 128)
                .floats(LAYER + "self_attn.v_proj.weight", gaussian(4, 130 * 128), 130, 128)
                .floats(LAYER + "mlp.gate_proj.weight", gaussian(5, 8 * 256), 8, 256)
                .floats(LAYER + "mlp.up_proj.weight", gaussian(6, 8 * 256), 8, 256)
                .floats(LAYER + "mlp.down_proj.weight", gaussian(7, 5 * 7), 5, 7)
                .floats(LAYER + "input_layernorm.weight", gaussian(8, 128), 128)
                .floats(LAYER + "self_attn.o_proj.weight", new float[3 * 128], 3, 128)
                .floats("model.empty.weight", new float[0], 0, 128)
                .bytes("positions", DType.I64, Shape.of(3), MemorySegment.ofArray(new byte[24]))
                .floats("lm_head.weight", gaussian(9, 10 * 128), 10, 128);
    }

    public static Path folder(Path folder) {
        write(folder, "config.json", "{\"model_type\": \"llama\", \"hidden_size\": 128}\n");
        write(folder, "tokenizer.json", "{\"version\": \"1.0\"}\n");
        llama().write(folder.resolve("model.safetensors"));
        return folder;
    }

    public static void write(Path folder, String name, String text) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public static QuantizationRequest request(String scheme, Layout layout, Path out) {
        return QuantizationRequest.of(
                scheme,
                Optional.empty(),
                layout == Layout.COMPRESSED_TENSORS ? Optional.empty() : Optional.of(layout),
                TensorSelection.STANDARD,
                out);
    }

    public static List<TensorOutcome> quantize(Path in, Path out, String scheme, RunOptions run) {
        return quantize(in, out, scheme, Layout.COMPRESSED_TENSORS, run);
    }

    public static List<TensorOutcome> quantize(Path in, Path out, String scheme, Layout layout, RunOptions run) {
        return run(in, run, (i, m) -> QuantizationPlanner.plan(i, m, request(scheme, layout, out), out));
    }

    public static List<TensorOutcome> convert(Path in, Path out) {
        return run(in, threads(1), (i, m) -> ConversionPlanner.convert(i, m, out));
    }

    public static List<TensorOutcome> dequantize(Path in, Path out, DType dtype) {
        return run(in, threads(1), (i, m) -> ConversionPlanner.dequantize(i, m, dtype, out));
    }

    public static List<TensorOutcome> run(
            Path in, RunOptions run, BiFunction<ModelInput, LogicalModel, OutputPlan> planner) {
        try (Opened opened = open(in)) {
            return ModelWriter.write(opened.model(), planner.apply(opened.input(), opened.model()), run);
        }
    }

    /** All values of one tensor. */
    public static float[] values(LogicalModel model, String name) {
        LogicalTensor tensor = model.find(name).orElseThrow();
        float[] values = new float[Math.toIntExact(tensor.shape().elements())];
        int at = 0;
        try (var reader = model.read(tensor);
                var scratch = new ScratchBuffers()) {
            for (RowRange rows : RowRange.cut(tensor.shape(), reader.rowBlock())) {
                float[] piece = reader.read(rows, scratch, 0).toArray(F32);
                System.arraycopy(piece, 0, values, at, piece.length);
                at += piece.length;
            }
        }
        return values;
    }

    public static float[] values(Path path, String name) {
        try (Opened opened = open(path)) {
            return values(opened.model(), name);
        }
    }

    /** Each file below a path with the SHA-256 of its bytes; empty if there is nothing. */
    public static Map<String, String> contents(Path root) {
        var contents = new TreeMap<String, String>();
        if (!Files.exists(root)) {
            return contents;
        }
        try (var files = Files.walk(root)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
                contents.put(root.relativize(file).toString(), HexFormat.of().formatHex(digest));
            }
            return contents;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Names in a folder. */
    public static List<String> names(Path folder) {
        try (var files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
