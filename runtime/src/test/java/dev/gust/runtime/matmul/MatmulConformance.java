package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Compares a device's product with one summed in float64. */
final class MatmulConformance {
    private MatmulConformance() {}

    static double check(Device device, String form, int m, int n, int k, long seed, MatmulOptions options) {
        return check(device, SampleWeights.of(form, n, k, seed), m, seed, options);
    }

    /** The relative error RMSE(reference − y) / RMS(reference), over an output that was poisoned. */
    static double check(Device device, SampleWeights.Sample sample, int m, long seed, MatmulOptions options) {
        int n = (int) sample.weight().n();
        int k = (int) sample.weight().k();
        try (Arena arena = Arena.ofShared();
                MatmulPlan plan = QuantizedMatmul.prepare(device, sample.weight(), options)) {
            MemorySegment x = SampleWeights.gaussian(Arena.ofAuto(), (long) m * k, seed + 1, 1);
            MemorySegment y =
                    arena.allocate(Math.max(4, (long) m * n * Float.BYTES), 64).asSlice(0, (long) m * n * Float.BYTES);
            for (int i = 0; i < m * n; i++) {
                y.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
            }
            plan.multiply(x, m, y);
            return error(sample, m, x, y);
        }
    }

    /** The relative error of m rows, of which none may be left poisoned. */
    static double error(SampleWeights.Sample sample, int m, MemorySegment x, MemorySegment y) {
        int n = (int) sample.weight().n();
        int k = (int) sample.weight().k();
        double squaredError = 0;
        double squares = 0;
        for (int i = 0; i < m; i++) {
            for (int row = 0; row < n; row++) {
                double sum = 0;
                for (int c = 0; c < k; c++) {
                    sum += (double) x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * k + c)
                            * sample.values()[row * k + c];
                }
                float got = y.getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + row);
                assertThat(got).as("y[%d, %d]", i, row).isNotNaN();
                squaredError += (sum - got) * (sum - got);
                squares += sum * sum;
            }
        }
        return squares == 0 ? Math.sqrt(squaredError) : Math.sqrt(squaredError / squares);
    }
}
