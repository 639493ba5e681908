package dev.gust.quantization.pipeline;

import static dev.gust.quantization.Pipelines.F32;
import static dev.gust.quantization.Pipelines.LAYER;
import static dev.gust.quantization.Pipelines.gaussian;
import static dev.gust.quantization.Pipelines.open;
import static dev.gust.quantization.Pipelines.quantize;
import static dev.gust.quantization.Pipelines.threads;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.layout.LowRankConfig;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.quantization.Pipelines;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class LogicalModelTest {
    @TempDir
    Path dir;

    @ParameterizedTest
    @EnumSource
    void whatThePipelineWritesIsRecognisedInEveryContainer(Scheme scheme) {
        Path in = Pipelines.folder(dir.resolve("in"));
        for (Layout layout : Layout.values()) {
            if (!layout.stores(scheme) || layout == Layout.DEEPSEEK) {
                continue;
            }
            var seen = new ArrayList<Map<String, String>>();
            var read = new ArrayList<float[]>();
            for (String name : List.of("folder", "x.safetensors", "x.arrow")) {
                Path out = dir.resolve(layout.label() + "-" + name);
                quantize(in, out, scheme.label(), layout, threads(2));
                try (var opened = open(out)) {
                    seen.add(opened.model().tensors().stream()
                            .collect(Collectors.toMap(
                                    LogicalTensor::name, t -> t.encoding().label() + t.shape())));
                    assertThat(opened.model().quantizations()).containsExactly(scheme.label());
                    read.add(Pipelines.values(opened.model(), LAYER + "self_attn.v_proj.weight"));
                }
            }
            assertThat(seen.getFirst()).containsEntry(LAYER + "self_attn.k_proj.weight", scheme.label() + "[16, 128]");
            assertThat(seen.getFirst()).containsEntry("lm_head.weight", "F32[10, 128]");
            assertThat(seen.getFirst()).hasSize(12);
            assertThat(seen.get(1)).isEqualTo(seen.getFirst());
            assertThat(seen.get(2)).isEqualTo(seen.getFirst());
            assertThat(read.get(1)).isEqualTo(read.getFirst());
            assertThat(read.get(2)).isEqualTo(read.getFirst());
        }
    }

    @ParameterizedTest
    @EnumSource
    void expertsInOneTensorKeepTheirDimensions(Scheme scheme) {
        Path in = new SafetensorsFixture()
                .floats("experts.gate_up_proj", gaussian(1, 3 * 130 * 128), 3, 130, 128)
                .write(dir.resolve("in.safetensors"));
        Path out = dir.resolve("out");
        var request = QuantizationRequest.of(
                scheme.label(),
                Optional.empty(),
                Optional.empty(),
                new TensorSelection(List.of("*experts*"), List.of()),
                out);
        Pipelines.run(in, threads(2), (i, m) -> QuantizationPlanner.plan(i, m, request, out));
        try (var opened = open(out)) {
            var experts = opened.model().find("experts.gate_up_proj").orElseThrow();
            assertThat(experts.encoding().label()).isEqualTo(scheme.label());
            assertThat(experts.shape()).isEqualTo(Shape.of(3, 130, 128));
            float[] original = gaussian(1, 3 * 130 * 128);
            float[] restored = Pipelines.values(opened.model(), "experts.gate_up_proj");
            for (int i = 0; i < original.length; i++) {
                assertThat(restored[i]).isCloseTo(original[i], org.assertj.core.data.Offset.offset(0.1f));
            }
        }
    }

    /** A weight of ones in E4M3, with scales of any name and shape. */
    private Path ones(String scaleName, float[] scales, int rows, int columns, long... scaleShape) {
        byte[] codes = new byte[rows * columns];
        java.util.Arrays.fill(codes, (byte) FloatFormat.E4M3FN.encode(1, true));
        var file = new SafetensorsFixture()
                .bytes("w.weight", DType.F8_E4M3, Shape.of(rows, columns), MemorySegment.ofArray(codes));
        MemorySegment data = MemorySegment.ofArray(new byte[scales.length * 4]);
        MemorySegment.copy(scales, 0, data, F32, 0, scales.length);
        return file.bytes(scaleName, DType.F32, Shape.of(scaleShape), data).write(dir.resolve("w.safetensors"));
    }

    private static void assertScheme(Path path, Scheme scheme) {
        try (var opened = open(path)) {
            assertThat(opened.model().tensors()).hasSize(1);
            assertThat(opened.model().tensors().getFirst().encoding().label()).isEqualTo(scheme.label());
        }
    }

    @Test
    void deepSeeksInverseMultiplies() {
        Path path = ones("w.weight_scale_inv", new float[] {2, 3, 4, 5}, 130, 256, 2, 2);
        assertScheme(path, Scheme.FP8_BLOCK);
        float[] values = Pipelines.values(path, "w.weight");
        assertThat(values[0]).isEqualTo(2);
        assertThat(values[128]).isEqualTo(3);
        assertThat(values[128 * 256]).isEqualTo(4);
        assertThat(values[129 * 256 + 255]).isEqualTo(5);
    }

    @Test
    void scalesComeInSeveralShapes() {
        for (long[] shape : new long[][] {{}, {1}, {1, 1}}) {
            Path path = ones("w.weight_scale", new float[] {3}, 4, 16, shape);
            assertScheme(path, Scheme.FP8_TENSOR);
            assertThat(Pipelines.values(path, "w.weight")).containsOnly(3);
        }
        for (long[] shape : new long[][] {{4}, {4, 1}}) {
            Path path = ones("w.weight_scale", new float[] {3, 4, 5, 6}, 4, 16, shape);
            assertScheme(path, Scheme.FP8);
            assertThat(Pipelines.values(path, "w.weight")).startsWith(3).endsWith(6);
        }
    }

    @Test
    void scalesOfBlocksAreNotScalesOfRows() {
        // [1, 4] over four blocks of columns, though there are four rows as well.
        Path path = ones("w.weight_scale", new float[] {3, 4, 5, 6}, 4, 512, 1, 4);
        assertScheme(path, Scheme.FP8_BLOCK);
        assertThat(Pipelines.values(path, "w.weight")[511]).isEqualTo(6);
        // One block of 128 columns and one row: [1, 1] either way; [M, 1] are rows.
        assertScheme(ones("w.weight_scale", new float[] {3}, 100, 128, 1, 1), Scheme.FP8_BLOCK);
        assertScheme(ones("w.weight_scale", new float[] {3, 4, 5, 6}, 4, 512, 4, 1), Scheme.FP8);
    }

    @Test
    void scalesThatDoNotFitBelongToNobody() {
        for (long[] shape : new long[][] {{5}, {5, 1}, {1, 5}}) {
            try (var opened = open(ones("w.weight_scale", new float[5], 4, 16, shape))) {
                assertThat(opened.model().tensors()).hasSize(2);
                assertThat(opened.model().quantizations()).isEmpty();
            }
        }
        try (var opened = open(ones("other.weight_scale", new float[1], 4, 16, 1))) {
            assertThat(opened.model().tensors()).hasSize(2);
        }
    }

    private static LogicalModel fake(Map<String, String> metadata, TensorInfo... tensors) {
        return LogicalModel.of(new Fake(metadata, List.of(tensors)), Optional.empty());
    }

    private static TensorInfo tensor(String name, DType dtype, long... dims) {
        return new TensorInfo(name, dtype, Shape.of(dims));
    }

    @Test
    void onlyMetadataTellsTheTwoFp6TypesApart() {
        TensorInfo[] parts = {tensor("w.weight_packed", DType.U8, 4, 96), tensor("w.weight_scale", DType.U8, 4, 4)};
        assertThat(fake(Map.of(), parts).quantizations()).isEmpty();
        for (String scheme : List.of("mxfp6-e2m3", "mxfp6-e3m2")) {
            var model = fake(Map.of(LogicalModel.SCHEME_KEY, scheme), parts);
            assertThat(model.quantizations()).containsExactly(scheme);
            assertThat(model.find("w.weight").orElseThrow().shape()).isEqualTo(Shape.of(4, 128));
        }
        assertThat(fake(Map.of(LogicalModel.SCHEME_KEY, "nonsense"), parts).quantizations())
                .isEmpty();
    }

    @Test
    void factorsAndWhatTheyLeaveMayHaveDifferentFp6Types() {
        TensorInfo[] parts = {
            tensor("w.lowrank_a.weight_packed", DType.U8, 4, 24),
            tensor("w.lowrank_a.weight_scale", DType.U8, 4, 1),
            tensor("w.lowrank_b.weight_packed", DType.U8, 32, 96),
            tensor("w.lowrank_b.weight_scale", DType.U8, 32, 4),
            tensor("w.weight_packed", DType.U8, 4, 96),
            tensor("w.weight_scale", DType.U8, 4, 4)
        };
        String config = "{\"factor_scheme\":\"mxfp6-e3m2\",\"residual_scheme\":\"mxfp6-e2m3\"}";
        assertThat(fake(Map.of(LowRankConfig.METADATA_KEY, config), parts).quantizations())
                .containsExactly("lowrank/mxfp6-e3m2+mxfp6-e2m3");
        for (String nothing : List.of("", "{", "[]", "{\"factor_scheme\":3}")) {
            assertThat(fake(Map.of(LowRankConfig.METADATA_KEY, nothing), parts).quantizations())
                    .isEmpty();
        }
    }

    @Test
    void aWrongHintChangesNothing() {
        TensorInfo[] parts = {tensor("w.weight_packed", DType.U8, 4, 64), tensor("w.weight_scale", DType.U8, 4, 4)};
        assertThat(fake(Map.of(LogicalModel.SCHEME_KEY, "mxfp6-e2m3"), parts).quantizations())
                .containsExactly("mxfp4");
    }

    @Test
    void nothingGetsLostWhereNamesCollide() {
        var twice = fake(
                Map.of(),
                tensor("w.weight", DType.F32, 4, 128),
                tensor("w.weight_packed", DType.U8, 4, 64),
                tensor("w.weight_scale", DType.U8, 4, 4));
        assertThat(twice.tensors()).hasSize(3);
        assertThat(twice.quantizations()).isEmpty();
        var nested = fake(
                Map.of(),
                tensor("w.weight_packed", DType.U8, 4, 64),
                tensor("w.weight_scale", DType.F8_E4M3, 4, 8),
                tensor("w.weight_global_scale", DType.F32, 1),
                tensor("w.weight_scale_scale", DType.F32, 4, 1));
        assertThat(nested.tensors().stream().flatMap(t -> t.stored().stream()).toList())
                .doesNotHaveDuplicates()
                .hasSize(4);
    }

    @Test
    void hostileShapesAreOnlyNotRecognised() {
        long huge = 1L << 62;
        var random = new SplittableRandom(3);
        long[] sizes = {0, 1, 2, 16, 32, 128, 1L << 31, 1L << 40, huge, Long.MAX_VALUE};
        for (int round = 0; round < 3000; round++) {
            var tensors = new ArrayList<TensorInfo>();
            for (String name : List.of(
                    "w.weight",
                    "w.weight_packed",
                    "w.weight_scale",
                    "w.weight_scale_2",
                    "w.weight_global_scale",
                    "w.weight_shape",
                    "w.weight_scale_inv",
                    "w_blocks",
                    "w_scales",
                    "w.scale")) {
                DType[] types = {DType.U8, DType.I8, DType.I32, DType.F8_E4M3, DType.F8_E5M2, DType.F32, DType.NVFP4};
                DType dtype = types[random.nextInt(types.length)];
                long[] dims = random.ints(random.nextInt(5), 0, sizes.length)
                        .mapToLong(i -> sizes[i])
                        .toArray();
                // What a header may say: a shape whose size is that of the data, which can be nothing at all.
                boolean holdsNothing = java.util.Arrays.stream(dims).anyMatch(d -> d == 0);
                if (holdsNothing) {
                    java.util.Arrays.sort(dims);
                }
                long product = 1;
                for (long d : dims) {
                    product = holdsNothing || d > 4096 || product > 4096 ? (holdsNothing ? 0 : -1) : product * d;
                }
                if (product >= 0 && product % dtype.blockElements() == 0 && (holdsNothing || product <= 1 << 20)) {
                    tensors.add(new TensorInfo(name, dtype, Shape.of(dims)));
                }
            }
            var model = fake(Map.of(), tensors.toArray(TensorInfo[]::new));
            assertThat(model.tensors().stream()
                            .mapToLong(t -> t.stored().size())
                            .sum())
                    .isEqualTo(tensors.size());
        }
        assertThat(fake(Map.of(), tensor("w_blocks", DType.U8, 0, huge, 16), tensor("w_scales", DType.U8, 0, huge))
                        .tensors())
                .hasSize(2);
    }

    @Test
    void aModelsFloatTypeIsThatOfMostElements() {
        assertThat(fake(Map.of(), tensor("a", DType.BF16, 10), tensor("b", DType.F32, 9))
                        .floatType())
                .isEqualTo(DType.BF16);
        assertThat(fake(Map.of(), tensor("a", DType.I64, 10)).floatType()).isEqualTo(DType.F32);
    }

    private record Fake(Map<String, String> metadata, List<TensorInfo> tensors) implements TensorSource {
        @Override
        public String location() {
            return "fake";
        }

        @Override
        public String format() {
            return "safetensors";
        }

        @Override
        public Tensor open(String name) {
            TensorInfo info = find(name).orElseThrow();
            return Tensor.view(info, MemorySegment.ofArray(new byte[(int) info.byteSize()]));
        }

        @Override
        public void close() {}
    }
}
