package dev.gust.runtime.matmul;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.Part;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.LinearWeights;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/** Random weights in every stored form, with the values that they stand for. */
public final class SampleWeights {
    /** GGUF's types that kernels multiply by. */
    public static final List<DType> BLOCK_TYPES =
            List.of(DType.Q8_0, DType.Q4_0, DType.Q4_K, DType.Q6_K, DType.MXFP4, DType.NVFP4);

    private SampleWeights() {}

    /**
     * A weight with its restored values.
     *
     * @param weight as it is stored
     * @param values [N, K], restored by the formats' own codecs
     */
    public record Sample(LinearWeight weight, float[] values) {}

    /** Names of all stored forms. */
    public static List<String> forms() {
        var forms = new ArrayList<String>(List.of("F32", "F16", "BF16"));
        for (Scheme scheme : Scheme.values()) {
            forms.add(scheme.label());
        }
        BLOCK_TYPES.forEach(t -> forms.add("gguf " + t));
        return forms;
    }

    /** What K must be a multiple of in a form. */
    public static int granularity(String form) {
        if (form.startsWith("gguf ")) {
            return DType.valueOf(form.substring(5)).blockElements();
        }
        return Scheme.byLabel(form)
                .map(scheme -> switch (scheme) {
                    case FP8, FP8_TENSOR, FP8_E5M2, INT8 -> 1;
                    case FP8_BLOCK, INT4 -> 128;
                    case NVFP4 -> 16;
                    default -> 32;
                })
                .orElse(1);
    }

    public static Sample of(String form, int n, int k, long seed) {
        Arena arena = Arena.ofAuto();
        MemorySegment floats = gaussian(arena, (long) n * k, seed, 0.5f);
        if (form.startsWith("gguf ")) {
            return plain(arena, DType.valueOf(form.substring(5)), floats, n, k);
        }
        return Scheme.byLabel(form)
                .map(scheme -> scheme(arena, scheme, floats, n, k))
                .orElseGet(() -> plain(arena, DType.valueOf(form), floats, n, k));
    }

    public static MemorySegment gaussian(Arena arena, long count, long seed, float deviation) {
        var random = new SplittableRandom(seed);
        MemorySegment floats = arena.allocate(Math.max(4, count * Float.BYTES), 64);
        for (long i = 0; i < count; i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() * deviation));
        }
        return floats.asSlice(0, count * Float.BYTES);
    }

    private static Sample plain(Arena arena, DType dtype, MemorySegment floats, int n, int k) {
        long count = (long) n * k;
        var info = new TensorInfo("layer.weight", dtype, Shape.of(n, k));
        MemorySegment stored = arena.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
        if (dtype == DType.F32) {
            stored.copyFrom(floats);
            return new Sample(load(Map.of(info, stored), Optional.empty()), floats.toArray(ValueLayout.JAVA_FLOAT));
        }
        TensorCodec codec = Codecs.of(dtype).orElseThrow();
        codec.encode(floats, 0, stored, 0, count);
        MemorySegment restored = arena.allocate(count * Float.BYTES, 64);
        codec.decode(stored, 0, restored, 0, count);
        return new Sample(load(Map.of(info, stored), Optional.empty()), restored.toArray(ValueLayout.JAVA_FLOAT));
    }

    private static Sample scheme(Arena arena, Scheme scheme, MemorySegment floats, int n, int k) {
        Stored stored = stored("layer.weight", arena, scheme, floats, n, k);
        return new Sample(load(stored.tensors(), Optional.of(scheme)), stored.values());
    }

    /**
     * The tensors that a weight is stored as, with its restored values.
     *
     * @param tensors by name, type and shape
     * @param values [N, K]
     */
    public record Stored(Map<TensorInfo, MemorySegment> tensors, float[] values) {}

    /** A random weight of that name in a scheme. */
    public static Stored stored(String name, Scheme scheme, int n, int k, long seed) {
        Arena arena = Arena.ofAuto();
        return stored(name, arena, scheme, gaussian(arena, (long) n * k, seed, 0.5f), n, k);
    }

    private static Stored stored(String name, Arena arena, Scheme scheme, MemorySegment floats, int n, int k) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32);
        Shape shape = Shape.of(n, k);
        var stored = new LinkedHashMap<TensorInfo, MemorySegment>();
        var parts = new ArrayList<MemorySegment>();
        for (Part part : quantizer.parts(shape)) {
            MemorySegment bytes =
                    arena.allocate(Math.max(1, part.byteSize()), 64).asSlice(0, part.byteSize());
            stored.put(Layout.COMPRESSED_TENSORS.stored(name, part), bytes);
            parts.add(bytes);
        }
        float amax = 0;
        for (float f : floats.toArray(ValueLayout.JAVA_FLOAT)) {
            amax = Math.max(amax, Math.abs(f));
        }
        quantizer.quantize(floats, n, shape, amax, parts);
        MemorySegment restored = arena.allocate((long) n * k * Float.BYTES, 64);
        quantizer.dequantize(parts, n, k, restored);
        return new Stored(stored, restored.toArray(ValueLayout.JAVA_FLOAT));
    }

    private static LinearWeight load(Map<TensorInfo, MemorySegment> stored, Optional<Scheme> scheme) {
        var source = new TensorSource() {
            @Override
            public String location() {
                return "sample";
            }

            @Override
            public String format() {
                return "memory";
            }

            @Override
            public List<TensorInfo> tensors() {
                return List.copyOf(stored.keySet());
            }

            @Override
            public Map<String, String> metadata() {
                return Map.of();
            }

            @Override
            public Tensor open(String name) {
                return stored.entrySet().stream()
                        .filter(e -> e.getKey().name().equals(name))
                        .map(e -> Tensor.view(e.getKey(), e.getValue()))
                        .findFirst()
                        .orElseThrow();
            }

            @Override
            public void close() {}
        };
        return LinearWeights.load(LogicalModel.of(source, scheme), "layer");
    }
}
