package dev.gust.runtime.lowrank;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.SampleWeights;
import dev.gust.runtime.scalar.ScalarDevice;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is wrong is said before anything runs. */
class LowRankInputTest {
    private static final Arena MEMORY = Arena.ofAuto();

    private static LinearWeight matrix(String form, int rows, int columns) {
        return SampleWeights.of(form, rows, columns, 1).weight();
    }

    private static LinearWeight matrix(int rows, int columns) {
        return matrix("F32", rows, columns);
    }

    private static MemorySegment floats(float... values) {
        return MEMORY.allocateFrom(ValueLayout.JAVA_FLOAT, values);
    }

    @Test
    void factorsGoTogether() {
        assertThatThrownBy(() -> FactoredWeight.of(matrix(5, 3), matrix(4, 7)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'b': is [4, 7] and a is [5, 3]: their ranks differ");
        assertThatThrownBy(() -> FactoredWeight.of(matrix(5, 0), matrix(0, 7)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("give a matrix that has elements");
        assertThatThrownBy(() -> new FactoredWeight(matrix(5, 3), matrix(3, 7), Optional.of(matrix(7, 5)), 1))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'weight': is [7, 5]; make it [M, N] = [5, 7]");
        assertThatThrownBy(() -> new FactoredWeight(matrix(5, 3), matrix(3, 7), Optional.empty(), Float.NaN))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'scale': is NaN");
    }

    @Test
    void sparseWeightsGoTogether() {
        LinearWeight w = matrix(5, 3);
        Optional<LinearWeight> none = Optional.empty();
        MemorySegment scale = floats(1, 1, 1);
        assertThatThrownBy(() -> SparseWeight.of(w, none, none, scale, Float.NaN, MEMORY))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("NaN");
        assertThatThrownBy(() -> SparseWeight.of(w, none, none, floats(1, 1), 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'scale': has 2 numbers; give one to each of the 3");
        assertThatThrownBy(() -> SparseWeight.of(w, none, none, floats(1, Float.POSITIVE_INFINITY, 1), 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("Infinity at element 1");
        assertThatThrownBy(() ->
                        SparseWeight.of(w, Optional.of(matrix(5, 2)), Optional.of(matrix(3, 1)), scale, 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("their ranks differ");
        assertThatThrownBy(() ->
                        SparseWeight.of(w, Optional.of(matrix(4, 2)), Optional.of(matrix(3, 2)), scale, 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'u': is [4, 2]; make it [M, r] = [5, 2]");
        assertThatThrownBy(() -> SparseWeight.of(
                        w, Optional.of(matrix("F16", 5, 2)), Optional.of(matrix("F16", 3, 2)), scale, 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'u': is F16 and the weight is F32");
        assertThatThrownBy(() -> SparseWeight.of(matrix("int8", 5, 3), none, none, scale, 0, MEMORY))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("store it as F32, F16 or BF16");
    }

    @Test
    void adaptersGoTogether() {
        var good = new LoraAdapter(matrix(5, 2), matrix(2, 3), 1);
        assertThatThrownBy(() -> new LoraWeight(List.of(), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("holds no adapter");
        assertThatThrownBy(() ->
                        new LoraWeight(List.of(good, new LoraAdapter(matrix(5, 2), matrix(1, 3), 1)), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'b of adapter 1'")
                .hasMessageContaining("their ranks differ");
        assertThatThrownBy(() ->
                        new LoraWeight(List.of(good, new LoraAdapter(matrix(6, 2), matrix(2, 3), 1)), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'a of adapter 1': is [6, 2]; make it [M, r] = [5, 2]");
        assertThatThrownBy(() -> new LoraWeight(
                        List.of(good, new LoraAdapter(matrix("F16", 5, 2), matrix(2, 3), 1)), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is F16 and others are F32");
        assertThatThrownBy(
                        () -> LoraWeight.of(stacked(2, 5, 2), stacked(3, 2, 3), MemorySegment.NULL, Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'b': holds 3 adapters and a 2");
        assertThatThrownBy(() -> LoraWeight.of(stacked(2, 5, 2), stacked(2, 2, 3), floats(1), Optional.empty()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'scale': has 1 numbers; give one to each of the 2");
    }

    private static Tensor stacked(int count, int rows, int columns) {
        var info = new TensorInfo("t", DType.F32, Shape.of(count, rows, columns));
        return Tensor.view(info, MEMORY.allocate(info.byteSize()));
    }

    @ParameterizedTest
    @ValueSource(ints = {-2, 2})
    void idsNameAdapters(int id) {
        LoraWeight weight =
                LoraWeight.of(stacked(2, 5, 2), stacked(2, 2, 3), MemorySegment.NULL, Optional.of(matrix(5, 3)));
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice()) {
            for (Device device : List.of(jvm, scalar)) {
                MemorySegment y = floats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
                try (LoraPlan plan = LoraBatch.prepare(device, weight, MatmulOptions.DEFAULT)) {
                    MemorySegment ids = MEMORY.allocateFrom(ValueLayout.JAVA_INT, 0, id);
                    assertThatThrownBy(() -> plan.apply(floats(1, 2, 3, 4, 5, 6), ids, 2, y))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'ids': is " + id + " at token 1 and there are 2 adapters");
                    MemorySegment one = ids.asSlice(0, Integer.BYTES);
                    assertThatThrownBy(() -> plan.apply(floats(1, 2, 3, 4, 5, 6), one, 2, y))
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("ids of 4 bytes for 2 tokens");
                }
                assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
            }
        }
    }

    @Test
    void blocksGoTogether() {
        assertThatThrownBy(() -> MonarchWeight.of(stacked(6, 7, 2), stacked(3, 5, 5)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'l': takes 6 x 2 numbers and r gives 3 x 5");
        assertThatThrownBy(() -> new MonarchWeight(matrix(5, 2), 2, matrix(4, 1), 1))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'l': is 2 blocks in [5, 2]");
    }

    @Test
    void plansRefuseWrongSizesAndUseAfterClose() {
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice()) {
            for (Device device : List.of(jvm, scalar)) {
                for (LowRankCase product : LowRankCase.few()) {
                    MatmulPlan plan = product.prepare().on(device, MatmulOptions.DEFAULT);
                    assertThatThrownBy(() -> plan.multiply(floats(1), 2, floats(1)))
                            .as(product.name())
                            .isInstanceOf(IllegalArgumentException.class)
                            .hasMessageContaining("for 2 rows");
                    plan.close();
                    assertThatThrownBy(() -> plan.multiply(floats(), 0, floats()))
                            .as(product.name())
                            .isInstanceOf(IllegalStateException.class);
                }
            }
        }
    }

    @Test
    void kernelsRefuseWhatTheyDoNotRestore() {
        LinearWeight five = SampleWeights.of("gguf Q5_0", 8, 32, 1).weight();
        try (Device scalar = new ScalarDevice()) {
            assertThatThrownBy(() -> LowRankMatmul.prepare(
                            scalar, FactoredWeight.of(five, matrix(32, 4)), MatmulOptions.DEFAULT))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("use the jvm device");
        }
    }

    @Test
    void factorsOnDiskStandInForColumns() {
        LinearWeight w = Factors.plain("w", DType.F32, 2, 3, floats(9, 9, 9, 9, 9, 9));
        LinearWeight a = Factors.plain("a", DType.F32, 2, 1, floats(1, 2));
        LinearWeight b = Factors.plain("b", DType.F32, 1, 3, floats(1, 10, 100));
        SparseWeight weight = SparseWeight.ofFactors(w, a, b, floats(1, 1, 1), Float.POSITIVE_INFINITY, MEMORY);
        try (Device jvm = new JvmDevice();
                MatmulPlan plan = SparseMatmul.prepare(jvm, weight, MatmulOptions.DEFAULT)) {
            MemorySegment y = floats(0, 0);
            plan.multiply(floats(1, 2, 3), 1, y);
            assertThat(y.toArray(ValueLayout.JAVA_FLOAT)).containsExactly(321, 642);
        }
    }

    /** A tie is not active: at the threshold itself only what exceeds it counts. */
    @Test
    void aTieIsLeftOut() {
        SparseWeight weight = SparseWeight.of(
                Factors.plain("w", DType.F32, 1, 3, floats(1, 10, 100)),
                Optional.empty(),
                Optional.empty(),
                floats(1, -2, 1),
                1,
                MEMORY);
        try (Device jvm = new JvmDevice();
                Device scalar = new ScalarDevice()) {
            for (Device device : List.of(jvm, scalar)) {
                MemorySegment y = floats(Float.NaN);
                try (MatmulPlan plan = SparseMatmul.prepare(device, weight, MatmulOptions.DEFAULT)) {
                    plan.multiply(floats(1, 0.75f, -1.5f), 1, y);
                    assertThatThrownBy(() -> plan.multiply(floats(1, Float.NaN, 0), 1, floats(0)))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'x': is NaN at element 1");
                }
                assertThat(y.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(7.5f - 150);
            }
        }
    }
}
