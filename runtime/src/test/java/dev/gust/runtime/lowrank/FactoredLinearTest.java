package dev.gust.runtime.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.lowrank.LowRankReference.Matrix;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.SampleWeights;
import dev.gust.runtime.scalar.ScalarDevice;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Layers whose weights are factors in a file. */
class FactoredLinearTest {
    private static final int M = 9;
    private static final int R = 3;
    private static final int N = 14;

    @TempDir
    Path folder;

    private final SampleWeights.Sample a = SampleWeights.of("BF16", M, R, 1);
    private final SampleWeights.Sample b = SampleWeights.of("F32", R, N, 2);
    private final SampleWeights.Sample residual = SampleWeights.of("F16", M, N, 3);

    private String file(boolean hasResidual) {
        var tensors = new ArrayList<>(
                List.of(tensor("layer.lowrank_a", DType.BF16, a, M, R), tensor("layer.lowrank_b", DType.F32, b, R, N)));
        if (hasResidual) {
            tensors.add(tensor("layer.weight", DType.F16, residual, M, N));
        }
        tensors.add(tensor("other.weight", DType.F32, b, R, N));
        Path file = folder.resolve("model.safetensors");
        TensorFiles.write(file, tensors);
        return file.toString();
    }

    private static Tensor tensor(String name, DType dtype, SampleWeights.Sample sample, int rows, int columns) {
        return Tensor.view(
                new TensorInfo(name, dtype, Shape.of(rows, columns)),
                sample.weight().codes());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void multipliesByTheFactorsAndTheResidual(boolean hasResidual) {
        check(
                file(hasResidual),
                Matrix.of(a.values(), M, R),
                Matrix.of(b.values(), R, N),
                Matrix.of(hasResidual ? residual.values() : new float[M * N], M, N));
    }

    @Test
    void factorsAndResidualStayPacked() {
        SampleWeights.Stored left = SampleWeights.stored("layer.lowrank_a.weight", Scheme.MXFP4, M, 32, 5);
        SampleWeights.Stored right = SampleWeights.stored("layer.lowrank_b.weight", Scheme.NVFP4, 32, 48, 6);
        SampleWeights.Stored rest = SampleWeights.stored("layer.weight", Scheme.FP8, M, 48, 7);
        var tensors = new ArrayList<Tensor>();
        for (SampleWeights.Stored stored : List.of(left, right, rest)) {
            stored.tensors().forEach((info, bytes) -> tensors.add(Tensor.view(info, bytes)));
        }
        Path file = folder.resolve("packed.safetensors");
        TensorFiles.write(file, tensors);
        check(
                file.toString(),
                Matrix.of(left.values(), M, 32),
                Matrix.of(right.values(), 32, 48),
                Matrix.of(rest.values(), M, 48));
    }

    private static void check(String file, Matrix a, Matrix b, Matrix residual) {
        float[] x = SampleWeights.of("F32", 2, b.columns(), 4).values();
        MatmulOptions options = MatmulOptions.DEFAULT.withIntegerPath(false);
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice()) {
            for (Device device : List.of(jvm, scalar)) {
                try (FactoredLinear layer = FactoredLinear.load(device, file, "layer", options)) {
                    assertThat(layer.weight().rank()).isEqualTo(b.rows());
                    float[] y = layer.multiply(x);
                    assertThat(y).hasSize(2 * M);
                    for (int t = 0; t < 2; t++) {
                        double[] row = Matrix.of(x, 2, b.columns()).row(t);
                        double[] expected = LowRankReference.sum(a.times(b.times(row)), residual.times(row), 1);
                        for (int i = 0; i < M; i++) {
                            assertThat((double) y[t * M + i]).isCloseTo(expected[i], within(1e-4));
                        }
                    }
                    assertThatThrownBy(() -> layer.multiply(new float[b.columns() + 1]))
                            .isInstanceOf(UsageException.class);
                }
            }
        }
    }

    @Test
    void aLayerWithoutFactorsIsNamed() {
        String file = file(false);
        try (Device jvm = new JvmDevice()) {
            for (String layer : List.of("other", "missing")) {
                assertThatThrownBy(() -> FactoredLinear.load(jvm, file, layer))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'" + layer + "': is not stored as low-rank factors");
            }
        }
    }
}
