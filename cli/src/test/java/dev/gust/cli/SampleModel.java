package dev.gust.cli;

import dev.gust.formats.arrow.ArrowLayout;
import dev.gust.formats.codec.Codecs;
import dev.gust.formats.file.FileLayout;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.gguf.GgufLayout;
import dev.gust.formats.gguf.GgufValue;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.safetensors.SafetensorsLayout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;

/** A small model with seeded values, to be stored in any container. */
final class SampleModel {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final String CONFIG = """
            {"model_type": "llama", "hidden_size": 256, "torch_dtype": "float32"}
            """;

    private final Map<TensorInfo, MemorySegment> tensors = new LinkedHashMap<>();
    private final Map<String, String> metadata = new TreeMap<>();
    private final SplittableRandom random;

    SampleModel(long seed) {
        random = new SplittableRandom(seed);
    }

    /** One layer of a decoder with its embedding, head, norm, bias and a buffer of integers. */
    static SampleModel decoder(DType dtype) {
        return new SampleModel(42)
                .weight("model.embed_tokens.weight", dtype, 40, 256)
                .weight("model.layers.0.self_attn.q_proj.weight", dtype, 256, 256)
                .weight("model.layers.0.self_attn.k_proj.weight", dtype, 128, 256)
                .weight("model.layers.0.self_attn.v_proj.weight", dtype, 128, 256)
                .weight("model.layers.0.self_attn.q_proj.bias", dtype, 256)
                .weight("model.layers.0.mlp.down_proj.weight", dtype, 256, 512)
                .weight("model.layers.0.input_layernorm.weight", dtype, 256)
                .tensor("model.layers.0.positions", DType.I64, Shape.of(3), new byte[24])
                .weight("lm_head.weight", dtype, 40, 256)
                .metadata("author", "someone");
    }

    /** Adds a tensor of random values around zero. */
    SampleModel weight(String name, DType dtype, long... dims) {
        Shape shape = Shape.of(dims);
        var values = new float[Math.toIntExact(shape.elements())];
        for (int i = 0; i < values.length; i++) {
            // A sum of four is close enough to the bell shape that weights have.
            values[i] = (float) (random.nextDouble(-1, 1)
                            + random.nextDouble(-1, 1)
                            + random.nextDouble(-1, 1)
                            + random.nextDouble(-1, 1))
                    / 40;
        }
        return values(name, dtype, values, dims);
    }

    /** Adds a tensor of the given values. */
    SampleModel values(String name, DType dtype, float[] values, long... dims) {
        MemorySegment floats = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
        for (int i = 0; i < values.length; i++) {
            floats.set(F32, (long) i * Float.BYTES, values[i]);
        }
        MemorySegment bytes = MemorySegment.ofArray(new byte[Math.toIntExact(dtype.byteSize(values.length))]);
        if (dtype == DType.F32) {
            bytes.copyFrom(floats);
        } else {
            Codecs.of(dtype).orElseThrow().encode(floats, 0, bytes, 0, values.length);
        }
        tensors.put(new TensorInfo(name, dtype, Shape.of(dims)), bytes);
        return this;
    }

    /** Adds a tensor as it is stored. */
    SampleModel tensor(String name, DType dtype, Shape shape, byte[] bytes) {
        tensors.put(new TensorInfo(name, dtype, shape), MemorySegment.ofArray(bytes));
        return this;
    }

    SampleModel metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    Path safetensors(Path file) {
        return write(file, SafetensorsLayout.of(infos(), metadata));
    }

    Path arrow(Path file) {
        return write(file, ArrowLayout.of(infos(), metadata));
    }

    Path gguf(Path file) {
        var values = new LinkedHashMap<String, GgufValue>();
        values.put("general.architecture", GgufValue.text("llama"));
        metadata.forEach((k, v) -> values.put(k, GgufValue.text(v)));
        return write(file, GgufLayout.of(infos(), values));
    }

    /** A Hugging Face folder with a tokenizer. */
    Path folder(Path folder) {
        try {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("config.json"), CONFIG);
            Files.writeString(folder.resolve("tokenizer.json"), "{}");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        safetensors(folder.resolve("model.safetensors"));
        return folder;
    }

    /** In the container that the name asks for. */
    Path write(Path target) {
        String name = target.toString();
        return name.endsWith(".gguf")
                ? gguf(target)
                : name.endsWith(".arrow")
                        ? arrow(target)
                        : name.endsWith(".safetensors") ? safetensors(target) : folder(target);
    }

    private List<TensorInfo> infos() {
        return List.copyOf(tensors.keySet());
    }

    private Path write(Path file, FileLayout layout) {
        try (var writer = LayoutWriter.open(file, layout)) {
            tensors.forEach((tensor, data) -> writer.write(tensor.name(), 0, data));
        }
        return file;
    }

    /** The stored tensors of a model: type, shape and bytes by name. */
    static Map<String, Stored> stored(Path model) {
        var found = new TreeMap<String, Stored>();
        try (ModelInput input = ModelFiles.open(model.toString())) {
            for (TensorInfo info : input.source().tensors()) {
                try (Tensor tensor = input.source().open(info.name())) {
                    byte[] bytes = tensor.data().toArray(ValueLayout.JAVA_BYTE);
                    found.put(
                            info.name(),
                            new Stored(
                                    info.dtype(), info.shape(), HexFormat.of().formatHex(bytes)));
                }
            }
        }
        return found;
    }

    /**
     * A stored tensor.
     *
     * @param dtype its type
     * @param shape its shape
     * @param bytes its bytes in hexadecimal digits
     */
    record Stored(DType dtype, Shape shape, String bytes) {}
}
