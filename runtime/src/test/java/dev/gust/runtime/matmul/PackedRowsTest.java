package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** The kernels for few rows of x with groups so small that a row takes several of their steps, the last one not whole. */
class PackedRowsTest {
    private static final EmulatorDevice DEVICE = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        DEVICE.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"fp8", "int8", "mxfp8", "mxfp4", "nvfp4", "int4"})
    void rowsOfSeveralStepsAreSummedUp(String form) {
        for (int m : new int[] {1, 3, 6}) {
            for (int n : new int[] {1, 37}) {
                for (int k : new int[] {128, 2432}) {
                    for (int groups : new int[] {1, 5}) {
                        assertThat(error(form, m, n, k, new Tuning(32, 4, groups)))
                                .as("%s: M %d, N %d, K %d, %d groups", form, m, n, k, groups)
                                .isLessThan(QuantizedMatmul.TOLERANCE);
                    }
                }
            }
        }
    }

    /** What devices do that do not compute with 16-bit floats themselves; the emulator does. */
    @ParameterizedTest
    @ValueSource(strings = {"F16", "BF16"})
    void halvesAreRestoredFromWords(String form) {
        for (int m : new int[] {1, 3}) {
            for (int k : new int[] {2, 302, 1026}) {
                assertThat(error(form, m, 21, k, new Tuning(32, 4, 5)))
                        .as("%s: M %d, K %d", form, m, k)
                        .isLessThan(QuantizedMatmul.TOLERANCE);
            }
        }
    }

    private static double error(String form, int m, int n, int k, Tuning tuning) {
        SampleWeights.Sample sample = SampleWeights.of(form, n, k, 7);
        PackedArrays packed = PackedArrays.of(sample.weight(), DEVICE.arrays());
        IntArray shape = PackedArrays.shape(sample.weight());
        shape.set(MatmulShape.M, m);
        var x = new FloatArray(m * k);
        var random = new SplittableRandom(8);
        for (int i = 0; i < m * k; i++) {
            x.set(i, (float) random.nextGaussian());
        }
        var y = new FloatArray(m * n);
        y.init(Float.NaN);
        KernelCall call = TunedMatmul.few("few", packed, shape, x, y, m, tuning);
        assertThat(call.kernel())
                .isInstanceOf(
                        form.endsWith("F16")
                                ? TunedKernels.Halves.class
                                : m == 1 ? TunedKernels.Row.class : TunedKernels.Rows.class);
        var program =
                new KernelProgram("few", List.of(call), List.copyOf(packed.constants()), List.of(shape, x), List.of(y));
        try (var plan = DEVICE.prepare(program)) {
            plan.execute();
        }
        double squaredError = 0;
        double squares = 0;
        for (int i = 0; i < m; i++) {
            for (int row = 0; row < n; row++) {
                double sum = 0;
                for (int c = 0; c < k; c++) {
                    sum += (double) x.get(i * k + c) * sample.values()[row * k + c];
                }
                squaredError += (sum - y.get(i * n + row)) * (sum - y.get(i * n + row));
                squares += sum * sum;
            }
        }
        return Math.sqrt(squaredError / squares);
    }
}
