package dev.gust.formats.weight;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.scheme.GlobalScale;
import dev.gust.formats.scheme.Quantizers;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.scheme.WeightQuantizer;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Factors on disk are one weight to whoever reads the model. */
class LowRankWeightTest {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int M = 300;
    private static final int R = 32;
    private static final int N = 640; // several pieces

    @TempDir
    Path folder;

    private final float[] a = gaussian(1, M * R);
    private final float[] b = gaussian(2, R * N);
    private final float[] residual = gaussian(3, M * N);

    private static float[] gaussian(long seed, int count) {
        var random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private SafetensorsFixture factors() {
        return new SafetensorsFixture()
                .floats("layer.bias", new float[M])
                .floats("layer.lowrank_a", a, M, R)
                .floats("layer.lowrank_b", b, R, N);
    }

    private LogicalModel open(SafetensorsFixture fixture) {
        ModelInput input = ModelFiles.open(
                fixture.write(folder.resolve("model.safetensors")).toString());
        return LogicalModel.of(input.source(), Optional.empty());
    }

    private static float[] values(LogicalModel model, String name) {
        LogicalTensor tensor = model.find(name).orElseThrow();
        float[] values = new float[Math.toIntExact(tensor.shape().elements())];
        try (WeightReader reader = model.read(tensor);
                var scratch = new ScratchBuffers()) {
            for (RowRange rows : RowRange.cut(tensor.shape(), reader.rowBlock())) {
                MemorySegment part = reader.read(rows, scratch, 0);
                MemorySegment.copy(part, F32, 0, values, (int) (rows.first() * N), (int) (rows.count() * N));
            }
        }
        return values;
    }

    private static double[] product(float[] a, float[] b, float[] plus) {
        double[] product = new double[M * N];
        for (int i = 0; i < M; i++) {
            for (int j = 0; j < N; j++) {
                double sum = plus.length == 0 ? 0 : plus[i * N + j];
                for (int p = 0; p < R; p++) {
                    sum += (double) a[i * R + p] * b[p * N + j];
                }
                product[i * N + j] = sum;
            }
        }
        return product;
    }

    private static void assertClose(float[] values, double[] expected) {
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(values[i] - expected[i]))
                    .as("element %d", i)
                    .isLessThan(2e-5 + 1e-5 * Math.abs(expected[i]));
        }
    }

    @Test
    void factorsAreOneWeightUnderItsName() {
        try (LogicalModel model = open(factors())) {
            assertThat(model.tensors()).extracting(LogicalTensor::name).containsExactly("layer.bias", "layer.weight");
            LowRankWeight weight = model.lowRank("layer").orElseThrow();
            assertThat(weight.rank()).isEqualTo(R);
            assertThat(weight.shape()).isEqualTo(Shape.of(M, N));
            assertThat(weight.residual()).isEmpty();
            assertThat(model.lowRank("layer.weight")).contains(weight);
            assertThat(model.lowRank("layer.bias")).isEmpty();
            assertThat(model.quantizations()).containsExactly("lowrank/F32");
            assertThat(model.find("layer.weight").orElseThrow().byteSize()).isEqualTo(4L * R * (M + N));
            assertClose(values(model, "layer.weight"), product(a, b, new float[0]));
        }
    }

    @Test
    void rowsNeedNotFillVectors() {
        try (LogicalModel model = open(new SafetensorsFixture()
                        .floats("v.lowrank_a", new float[] {1, 2, 3}, 3, 1)
                        .floats("v.lowrank_b", new float[] {1, 10, 100, 1000, 10_000}, 1, 5));
                WeightReader reader = model.read(model.find("v.weight").orElseThrow());
                var scratch = new ScratchBuffers()) {
            assertThat(reader.read(new RowRange(1, 2), scratch, 0).toArray(F32))
                    .containsExactly(2, 20, 200, 2000, 20_000, 3, 30, 300, 3000, 30_000);
        }
    }

    @Test
    void aResidualIsAdded() {
        try (LogicalModel model = open(factors().floats("layer.weight", residual, M, N))) {
            assertThat(model.tensors()).extracting(LogicalTensor::name).containsExactly("layer.bias", "layer.weight");
            assertThat(model.quantizations()).containsExactly("lowrank/F32+F32");
            assertClose(values(model, "layer.weight"), product(a, b, residual));
        }
    }

    @Test
    void factorsAndResidualAreReadFromTheirSchemes() {
        SafetensorsFixture fixture = new SafetensorsFixture();
        float[] storedA = store(fixture, "layer.lowrank_a.weight", Scheme.MXFP8, a, M, R);
        float[] storedB = store(fixture, "layer.lowrank_b.weight", Scheme.NVFP4, b, R, N);
        float[] storedRest = store(fixture, "layer.weight", Scheme.FP8_BLOCK, residual, M, N);
        try (LogicalModel model = open(fixture)) {
            assertThat(model.quantizations()).containsExactly("lowrank/mxfp8+fp8-block");
            assertThat(model.find("layer.weight").orElseThrow().rowBlock()).isEqualTo(128);
            assertClose(values(model, "layer.weight"), product(storedA, storedB, storedRest));
        }
    }

    /** Stores a matrix in a scheme and returns what it then is. */
    private static float[] store(
            SafetensorsFixture fixture, String name, Scheme scheme, float[] values, int rows, int columns) {
        WeightQuantizer quantizer = Quantizers.of(scheme, ScaleRule.EVEN, DType.F32, GlobalScale.Use.DIVIDES);
        Shape shape = Shape.of(rows, columns);
        List<MemorySegment> parts = quantizer.parts(shape).stream()
                .map(p -> MemorySegment.ofArray(new byte[(int) p.byteSize()]))
                .toList();
        float amax = 0;
        for (float v : values) {
            amax = Math.max(amax, Math.abs(v));
        }
        quantizer.quantize(MemorySegment.ofArray(values), rows, shape, amax, parts);
        for (int i = 0; i < parts.size(); i++) {
            var info = Layout.COMPRESSED_TENSORS.stored(
                    name, quantizer.parts(shape).get(i));
            fixture.bytes(info.name(), info.dtype(), info.shape(), parts.get(i));
        }
        float[] restored = new float[values.length];
        quantizer.dequantize(parts, rows, columns, MemorySegment.ofArray(restored));
        return restored;
    }

    @Test
    void aNameWithoutWeightIsKeptByTheMetadata() {
        try (LogicalModel model = open(factors().metadata("gust.lowrank_weight.layer", "layer"))) {
            assertThat(model.tensors()).extracting(LogicalTensor::name).containsExactly("layer.bias", "layer");
        }
    }

    @Test
    void whatDoesNotFitStaysWhatItIs() {
        try (LogicalModel model = open(new SafetensorsFixture()
                .floats("x.lowrank_a", new float[6], 2, 3)
                .floats("x.lowrank_b", new float[8], 4, 2)
                .floats("y.lowrank_a", new float[6], 2, 3)
                .floats("y.lowrank_b", new float[6], 3, 2)
                .floats("y.weight", new float[5], 5)
                .floats("z.lowrank_a", new float[6], 2, 3)
                .floats("e.lowrank_a", new float[0], 2, 0)
                .floats("e.lowrank_b", new float[0], 0, 2)
                .floats(".lowrank_a", new float[6], 2, 3))) {
            assertThat(model.tensors()).hasSize(9);
            assertThat(model.quantizations()).isEmpty();
        }
    }
}
