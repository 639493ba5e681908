package dev.gust.runtime.lowrank;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.matmul.MatmulOptions;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.matmul.SampleWeights;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Weights that are not asked for are poisoned, and plans are called by several threads at once. */
class UnreadWeightsTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    private static final Arena MEMORY = Arena.ofAuto();

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    private static MemorySegment floats(int count, float value) {
        MemorySegment floats = MEMORY.allocate((long) count * Float.BYTES, 64);
        fill(floats, 0, count, value);
        return floats;
    }

    private static void fill(MemorySegment floats, int first, int end, float value) {
        for (int i = first; i < end; i++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
    }

    /** Every third channel is active: the columns of the others and the factor's rows of these hold NaN. */
    @Test
    void onlyColumnsOfActiveChannelsAreRead() {
        int m = 70;
        int n = 300;
        int r = 5;
        MemorySegment columns = floats(n * m, 1);
        MemorySegment v = floats(n * r, 1);
        MemorySegment x = floats(n, 0.5f);
        for (int j = 0; j < n; j++) {
            if (j % 3 == 0) {
                x.setAtIndex(ValueLayout.JAVA_FLOAT, j, 2);
                fill(v, j * r, (j + 1) * r, Float.NaN);
            } else {
                fill(columns, j * m, (j + 1) * m, Float.NaN);
            }
        }
        var weight = new SparseWeight(
                Factors.plain("w", DType.F32, n, m, columns),
                Optional.of(new SparseWeight.LowRank(
                        Factors.plain("u", DType.F32, r, m, floats(r * m, 0.25f)),
                        Factors.plain("v", DType.F32, n, r, v))),
                floats(n, 1),
                1);
        for (Device device : DEVICES) {
            MemorySegment y = floats(m, 0);
            try (MatmulPlan plan = SparseMatmul.prepare(device, weight, MatmulOptions.DEFAULT)) {
                plan.multiply(x, 1, y);
            }
            // 100 active channels of 2, and 200 others of a half through rank 5.
            assertThat(y.toArray(ValueLayout.JAVA_FLOAT))
                    .as(device.id().toString())
                    .containsOnly(200 + r * 0.25f * 100);
        }
    }

    @Test
    void onlyAdaptersThatAreNamedAreRead() {
        int m = 7;
        int n = 20;
        var adapters = new ArrayList<LoraAdapter>();
        for (int i = 0; i < 3; i++) {
            float value = i == 1 ? 1 : Float.NaN;
            adapters.add(new LoraAdapter(
                    Factors.plain("a", DType.F32, m, i + 1, floats(m * (i + 1), value)),
                    Factors.plain("b", DType.F32, i + 1, n, floats(n * (i + 1), value)),
                    0.5f));
        }
        var weight = new LoraWeight(adapters, Optional.empty());
        MemorySegment ids = MEMORY.allocateFrom(ValueLayout.JAVA_INT, 1, -1);
        for (Device device : DEVICES) {
            MemorySegment y = floats(2 * m, 3);
            try (LoraPlan plan = LoraBatch.prepare(device, weight, MatmulOptions.DEFAULT)) {
                plan.apply(floats(2 * n, 1), ids, 2, y);
            }
            assertThat(y.asSlice(0, (long) m * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT))
                    .as(device.id().toString())
                    .containsOnly(3 + 0.5f * 2 * n);
            assertThat(y.asSlice((long) m * Float.BYTES).toArray(ValueLayout.JAVA_FLOAT))
                    .as(device.id().toString())
                    .containsOnly(3);
        }
    }

    @Test
    void plansServeSeveralThreads() throws InterruptedException, ExecutionException {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (LowRankCase product : LowRankCase.few()) {
                for (Device device : DEVICES.subList(0, 2)) {
                    try (MatmulPlan plan = product.prepare().on(device, MatmulOptions.DEFAULT)) {
                        float[] alone = call(product, plan);
                        var calls = new ArrayList<Callable<float[]>>();
                        for (int i = 0; i < 12; i++) {
                            calls.add(() -> call(product, plan));
                        }
                        for (Future<float[]> result : threads.invokeAll(calls)) {
                            assertThat(result.get()).as(product.name()).isEqualTo(alone);
                        }
                    }
                }
            }
        }
    }

    private static float[] call(LowRankCase product, MatmulPlan plan) {
        int tokens = product.tokens();
        MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), (long) tokens * product.inputs(), 7, 1);
        MemorySegment y = Arena.ofAuto().allocate((long) tokens * product.outputs() * Float.BYTES, 64);
        plan.multiply(x, tokens, y);
        return y.toArray(ValueLayout.JAVA_FLOAT);
    }
}
