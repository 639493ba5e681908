package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.file.LayoutWriter;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.gguf.GgufLayout;
import dev.gust.formats.gguf.GgufValue;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.Pipelines;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Foreign FP4 models, with scales that no tool of ours would choose, keep every value bit for bit. */
class ExactConversionTest {
    private static final String WEIGHT = "blk.0.a.weight";
    private static final int COLUMNS = 128;
    private static final int ROWS = 2 * 127;
    private static final float[] MAGNITUDES = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};

    @TempDir
    Path folder;

    private int files;

    /** Codes, two to a byte, and scales: every scale byte from {@code least} to 448's, many times over. */
    private static final class Parts {
        final byte[] packed;
        final byte[] scales;

        Parts(byte[] packed, byte[] scales) {
            this.packed = packed;
            this.scales = scales;
        }

        static Parts random(int least, int greatest, int group) {
            var random = new SplittableRandom(least + group);
            byte[] packed = new byte[ROWS * COLUMNS / 2];
            random.nextBytes(packed);
            byte[] scales = new byte[ROWS * COLUMNS / group];
            for (int i = 0; i < scales.length; i++) {
                scales[i] = (byte) (least + i % (greatest - least + 1));
            }
            return new Parts(packed, scales);
        }

        float element(int i) {
            int code = packed[i / 2] >> (i % 2 * 4) & 15;
            return code < 8 ? MAGNITUDES[code] : -MAGNITUDES[code - 8];
        }

        float scale(int i) {
            return FloatFormat.E4M3FN.decode(scales[i / 16]);
        }

        /** compressed-tensors: scales are divided. */
        float[] dividedBy(float g) {
            float[] values = new float[2 * packed.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = element(i) * (scale(i) / g);
            }
            return values;
        }

        /** ModelOpt: scales are multiplied. */
        float[] multipliedBy(float factor) {
            float[] values = new float[2 * packed.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = element(i) * (scale(i) * factor);
            }
            return values;
        }

        SafetensorsFixture put(SafetensorsFixture model, String weight, Layout layout, float global) {
            boolean modelOpt = layout == Layout.MODELOPT;
            model.bytes(
                            weight + (modelOpt ? "" : "_packed"),
                            DType.U8,
                            Shape.of(ROWS, COLUMNS / 2),
                            MemorySegment.ofArray(packed))
                    .bytes(
                            weight + "_scale",
                            DType.F8_E4M3,
                            Shape.of(ROWS, COLUMNS / 16),
                            MemorySegment.ofArray(scales));
            return modelOpt
                    ? model.bytes(weight + "_scale_2", DType.F32, Shape.of(), floats(global))
                    : model.floats(weight + "_global_scale", new float[] {global}, 1);
        }
    }

    private static MemorySegment floats(float... values) {
        MemorySegment bytes = MemorySegment.ofArray(new byte[values.length * Float.BYTES]);
        for (int i = 0; i < values.length; i++) {
            bytes.set(Pipelines.F32, (long) i * Float.BYTES, values[i]);
        }
        return bytes;
    }

    private static float[] globals() {
        var random = new SplittableRandom(11);
        float[] globals = new float[8];
        for (int i = 0; i < globals.length; i++) {
            globals[i] = random.nextFloat(1, 2) * Math.scalb(1f, random.nextInt(-40, 40));
        }
        return globals;
    }

    private Path next(String suffix) {
        return folder.resolve(files++ + suffix);
    }

    private Path convert(Path in, String suffix) {
        Path out = next(suffix);
        Pipelines.convert(in, out);
        return out;
    }

    private static Map<String, byte[]> tensors(Path model) {
        var tensors = new LinkedHashMap<String, byte[]>();
        try (var opened = Pipelines.open(model)) {
            for (TensorInfo info : opened.input().source().tensors()) {
                try (var tensor = opened.input().source().open(info.name())) {
                    tensors.put(info.toString(), tensor.data().toArray(ValueLayout.JAVA_BYTE));
                }
            }
        }
        return tensors;
    }

    private static void assertSameTensors(Path model, Path other) {
        Map<String, byte[]> expected = tensors(model);
        Map<String, byte[]> actual = tensors(other);
        assertThat(actual.keySet()).containsExactlyElementsOf(expected.keySet());
        expected.forEach((name, bytes) -> assertThat(actual.get(name)).as(name).isEqualTo(bytes));
    }

    private static Map<String, String> metadata(Path model) {
        try (var opened = Pipelines.open(model)) {
            return Map.copyOf(opened.input().source().metadata());
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Layout.class,
            names = {"COMPRESSED_TENSORS", "MODELOPT"})
    void anyGlobalScaleSurvivesTheWayThereAndBack(Layout layout) {
        Parts parts = Parts.random(1, 0x7e, 16);
        for (float global : globals()) {
            boolean divides = layout == Layout.COMPRESSED_TENSORS;
            float[] expected = divides ? parts.dividedBy(global) : parts.multipliedBy(global);
            Path model =
                    parts.put(new SafetensorsFixture(), WEIGHT, layout, global).write(next(".safetensors"));
            assertThat(Pipelines.values(model, WEIGHT)).isEqualTo(expected);

            Path blocks = convert(model, ".gguf");
            assertThat(Pipelines.values(blocks, WEIGHT)).isEqualTo(expected);
            // What llama.cpp multiplies by.
            assertThat(tensors(blocks).values())
                    .last()
                    .isEqualTo(floats(divides ? 1 / global : global).toArray(ValueLayout.JAVA_BYTE));
            assertThat(metadata(blocks).containsKey(LogicalModel.GLOBAL_SCALE_KEY + WEIGHT))
                    .isEqualTo(divides);

            Path arrow = convert(blocks, ".arrow");
            assertThat(Pipelines.values(arrow, WEIGHT)).isEqualTo(expected);
            Path again = convert(convert(arrow, ".gguf"), ".gguf");
            assertThat(Pipelines.values(again, WEIGHT)).isEqualTo(expected);
            assertSameTensors(blocks, again);
            assertThat(metadata(again)).containsAllEntriesOf(metadata(blocks));

            Path back = convert(again, ".safetensors");
            assertSameTensors(model, back);
            assertThat(metadata(back).keySet()).noneMatch(k -> k.startsWith(LogicalModel.GLOBAL_SCALE_KEY));
            Path plain = next(".safetensors");
            Pipelines.dequantize(again, plain, DType.F32);
            assertThat(Pipelines.values(plain, WEIGHT)).isEqualTo(expected);
        }
    }

    /** Scales of 0 do not come back as they were, but what they stand for does: zeros, each with its sign. */
    @Test
    void zeroScalesKeepTheirValues() {
        Parts parts = Parts.random(0, 0x7e, 16);
        Path model = parts.put(new SafetensorsFixture(), WEIGHT, Layout.COMPRESSED_TENSORS, 1234.5f)
                .write(next(".safetensors"));
        Path back = convert(convert(model, ".gguf"), ".safetensors");
        assertThat(Pipelines.values(back, WEIGHT)).isEqualTo(parts.dividedBy(1234.5f));
    }

    private Path gguf(Parts parts, Map<String, Float> scales, Map<String, GgufValue> more) {
        // The blocks come from a model whose scale is 1, the scales are put beside them.
        Path one = parts.put(new SafetensorsFixture(), "w", Layout.MODELOPT, 1).write(next(".safetensors"));
        byte[] blocks =
                tensors(convert(one, ".gguf")).entrySet().iterator().next().getValue();
        var infos = new ArrayList<TensorInfo>();
        var data = new ArrayList<MemorySegment>();
        scales.forEach((layer, scale) -> {
            infos.add(new TensorInfo(layer + ".weight", DType.NVFP4, Shape.of(ROWS, COLUMNS)));
            data.add(MemorySegment.ofArray(blocks));
            infos.add(new TensorInfo(layer + ".scale", DType.F32, Shape.of(1)));
            data.add(floats(scale));
        });
        var metadata = new LinkedHashMap<>(more);
        metadata.put("general.architecture", GgufValue.text("llama"));
        Path file = next(".gguf");
        try (var writer = LayoutWriter.open(file, GgufLayout.of(infos, metadata))) {
            for (int i = 0; i < infos.size(); i++) {
                writer.write(infos.get(i).name(), 0, data.get(i));
            }
        }
        return file;
    }

    @ParameterizedTest
    @ValueSource(floats = {0x1p-11f, 3e-4f, 1.7f, 1e30f, 0x1p-140f, 1e-42f, Float.MAX_VALUE, 0x1p127f, 0x1p-127f})
    void anyFactorOfGgufIsKeptByOneOfTheLayouts(float factor) {
        Parts parts = Parts.random(1, 0x7e, 16);
        Path blocks = gguf(parts, Map.of("blk.0.a", factor), Map.of());
        float[] expected = parts.multipliedBy(factor);
        assertThat(Pipelines.values(blocks, WEIGHT)).isEqualTo(expected);
        Path out = next("");
        Pipelines.convert(blocks, out);
        assertThat(Pipelines.values(out, WEIGHT)).isEqualTo(expected);
        try (var opened = Pipelines.open(out)) {
            var encoding = (TensorEncoding.Quantized)
                    opened.model().find(WEIGHT).orElseThrow().encoding();
            boolean isPowerOfTwo = Math.scalb(1f, Math.getExponent(factor)) == factor && 1 / factor * factor == 1;
            assertThat(encoding.layout()).isEqualTo(isPowerOfTwo ? Layout.COMPRESSED_TENSORS : Layout.MODELOPT);
            assertThat(opened.input()
                            .config()
                            .orElseThrow()
                            .path("quantization_config")
                            .path("quant_method")
                            .asText())
                    .isEqualTo(encoding.layout().label());
        }
        assertThat(out.resolve("hf_quant_config.json").toFile().exists())
                .isEqualTo(tensors(out).keySet().stream().anyMatch(name -> name.contains("scale_2")));
        assertThat(Pipelines.values(convert(out, ".gguf"), WEIGHT)).isEqualTo(expected);
    }

    @Test
    void oneFactorWithoutAReciprocalDecidesForAll() {
        Parts parts = Parts.random(1, 0x7e, 16);
        Path out = convert(gguf(parts, Map.of("blk.0.a", 0.5f, "blk.0.b", 0.3f), Map.of()), ".safetensors");
        assertThat(tensors(out)).hasSize(6);
        assertThat(tensors(out).keySet()).noneMatch(name -> name.contains("global_scale"));
        assertThat(Pipelines.values(out, WEIGHT)).isEqualTo(parts.multipliedBy(0.5f));
        assertThat(Pipelines.values(out, "blk.0.b.weight")).isEqualTo(parts.multipliedBy(0.3f));
    }

    @Test
    void noLayoutHoldsBothKindsAtOnce() {
        Parts parts = Parts.random(1, 0x7e, 16);
        Path mixed = gguf(
                parts,
                Map.of("blk.0.a", 1 / 2688f, "blk.0.b", 0.3f),
                Map.of(LogicalModel.GLOBAL_SCALE_KEY + WEIGHT, GgufValue.f32(2688)));
        assertThat(Pipelines.values(mixed, WEIGHT)).isEqualTo(parts.dividedBy(2688));
        Path out = next(".safetensors");
        assertThatThrownBy(() -> Pipelines.convert(mixed, out))
                .isInstanceOf(InputException.class)
                .hasMessageContainingAll("blk.0.a.weight", "blk.0.b.weight", "gust dequantize");
        assertThat(out).doesNotExist();
        // Containers that keep blocks keep both.
        Path arrow = convert(mixed, ".arrow");
        assertThat(Pipelines.values(arrow, WEIGHT)).isEqualTo(parts.dividedBy(2688));
        assertThat(Pipelines.values(arrow, "blk.0.b.weight")).isEqualTo(parts.multipliedBy(0.3f));
    }

    /** A tool that changes the tensor knows nothing of our metadata: then the tensor is right. */
    @Test
    void metadataThatTheStoredScaleContradictsIsIgnored() {
        Parts parts = Parts.random(1, 0x7e, 16);
        for (GgufValue stale : List.of(
                GgufValue.f32(2688),
                GgufValue.f32(-3),
                GgufValue.f32(0),
                GgufValue.f32(Float.NaN),
                GgufValue.f32(Float.POSITIVE_INFINITY),
                GgufValue.text("three"),
                GgufValue.text(""))) {
            Path blocks = gguf(parts, Map.of("blk.0.a", 0.3f), Map.of(LogicalModel.GLOBAL_SCALE_KEY + WEIGHT, stale));
            assertThat(Pipelines.values(blocks, WEIGHT)).isEqualTo(parts.multipliedBy(0.3f));
            assertThat(metadata(convert(blocks, ".gguf")).keySet())
                    .noneMatch(k -> k.startsWith(LogicalModel.GLOBAL_SCALE_KEY));
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {0, -0f, -2688, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void whatIsNoScaleIsRefused(float bad) {
        Parts parts = Parts.random(1, 0x7e, 16);
        for (Layout layout : List.of(Layout.COMPRESSED_TENSORS, Layout.MODELOPT)) {
            assertRefused(
                    parts.put(new SafetensorsFixture(), WEIGHT, layout, bad).write(next(".safetensors")),
                    next(".gguf"),
                    layout == Layout.MODELOPT ? WEIGHT + "_scale_2" : WEIGHT + "_global_scale",
                    "not a positive number");
        }
        assertRefused(
                gguf(parts, Map.of("blk.0.a", bad), Map.of()),
                next(".safetensors"),
                "blk.0.a.scale",
                "not a positive number");
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.MIN_VALUE, 0x1p-129f, 0x1p-128f})
    void aDivisorWithoutAFiniteReciprocalIsRefused(float tiny) {
        Parts parts = Parts.random(1, 0x7e, 16);
        assertRefused(
                parts.put(new SafetensorsFixture(), WEIGHT, Layout.COMPRESSED_TENSORS, tiny)
                        .write(next(".safetensors")),
                next(".gguf"),
                WEIGHT + "_global_scale",
                "reciprocal");
    }

    private static void assertRefused(Path in, Path out, String tensor, String reason) {
        assertThatThrownBy(() -> Pipelines.convert(in, out))
                .isInstanceOf(InputException.class)
                .hasMessageContainingAll(tensor, reason, "gust");
        assertThat(out).doesNotExist();
        assertThat(out.resolveSibling(out.getFileName() + ".partial")).doesNotExist();
    }

    /** Subnormal scales, and products beyond float32 (448 / 2^-127 is infinite). */
    @ParameterizedTest
    @ValueSource(
            floats = {0x1p-127f, 0x1.8p-128f, 0x1.234568p-120f, 0x1p126f, 0x1p127f, 0x1.abcdeep127f, Float.MAX_VALUE})
    void theEndsOfFloat32AreKept(float global) {
        Parts parts = Parts.random(1, 0x7e, 16);
        Path model = parts.put(new SafetensorsFixture(), WEIGHT, Layout.COMPRESSED_TENSORS, global)
                .write(next(".safetensors"));
        Path blocks = convert(model, ".gguf");
        assertThat(Pipelines.values(blocks, WEIGHT)).isEqualTo(parts.dividedBy(global));
        assertSameTensors(model, convert(blocks, ".safetensors"));
    }

    /** MXFP4: every scale that is a number, every code, both ends of float32. */
    @Test
    void everyScaleOfMxfp4() {
        Parts parts = Parts.random(0, 0xfe, 32);
        Path model = new SafetensorsFixture()
                .bytes(WEIGHT + "_packed", DType.U8, Shape.of(ROWS, COLUMNS / 2), MemorySegment.ofArray(parts.packed))
                .bytes(WEIGHT + "_scale", DType.U8, Shape.of(ROWS, COLUMNS / 32), MemorySegment.ofArray(parts.scales))
                .write(next(".safetensors"));
        float[] expected = new float[ROWS * COLUMNS];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (float) (parts.element(i) * Math.scalb(1.0, (parts.scales[i / 32] & 0xff) - 127));
        }
        Path blocks = convert(model, ".gguf");
        assertThat(Pipelines.values(model, WEIGHT)).isEqualTo(expected);
        assertThat(Pipelines.values(blocks, WEIGHT)).isEqualTo(expected);
        assertSameTensors(model, convert(blocks, ".safetensors"));
    }
}
