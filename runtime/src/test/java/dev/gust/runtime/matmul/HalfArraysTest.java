package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** 16-bit floats read in pairs, on the emulator, in groups small enough for several rounds. */
class HalfArraysTest {
    private static final EmulatorDevice DEVICE = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        DEVICE.close();
    }

    @Test
    void rowsOfSeveralRoundsAreSummedUp() {
        for (int n : new int[] {4, 15, 71}) {
            for (int k : new int[] {2, 256, 1410}) {
                for (int groups : new int[] {1, 3}) {
                    SampleWeights.Sample sample = SampleWeights.of("F16", n, k, 7);
                    var x = new FloatArray(k);
                    var random = new SplittableRandom(8);
                    for (int i = 0; i < k; i++) {
                        x.set(i, (float) random.nextGaussian());
                    }
                    FloatArray y = product(sample.weight(), x, groups);
                    assertThat(MatmulConformance.error(sample, 1, x.getSegment(), y.getSegment()))
                            .as("N %d, K %d, %d groups", n, k, groups)
                            .isLessThan(QuantizedMatmul.TOLERANCE);
                }
            }
        }
    }

    @Test
    void whatIsNoNumberInXComesOut() {
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            SampleWeights.Sample sample = SampleWeights.of("F16", 9, 130, 7);
            var x = new FloatArray(130);
            x.init(1);
            x.set(77, odd);
            FloatArray y = product(sample.weight(), x, 2);
            for (int row = 0; row < 9; row++) {
                Float expected = odd * sample.values()[row * 130 + 77];
                assertThat(y.get(row)).as("x %f, row %d", odd, row).isEqualTo(expected);
            }
        }
    }

    @Test
    void weightsThatAreNoNumbersComeOut() {
        for (short odd : new short[] {0x7C00, (short) 0xFC00, 0x7E00}) {
            LinearWeight weight = SampleWeights.of("F16", 9, 130, 7).weight();
            MemorySegment codes = Arena.ofAuto().allocate(weight.codes().byteSize(), 64);
            codes.copyFrom(weight.codes());
            codes.setAtIndex(ValueLayout.JAVA_SHORT, 5 * 130 + 3, odd);
            var x = new FloatArray(130);
            x.init(1);
            FloatArray y = product(
                    new LinearWeight(weight.name(), 9, 130, weight.format(), codes, weight.scales(), weight.factor()),
                    x,
                    2);
            for (int row = 0; row < 9; row++) {
                if (row == 5) {
                    assertThat(y.get(row)).isEqualTo((Float) Float.float16ToFloat(odd));
                } else {
                    assertThat(Float.isFinite(y.get(row))).as("row %d", row).isTrue();
                }
            }
        }
    }

    private static FloatArray product(LinearWeight weight, FloatArray x, int groups) {
        IntArray shape = PackedArrays.shape(weight);
        shape.set(0, 1);
        var y = new FloatArray((int) weight.n());
        y.init(Float.NaN);
        HalfArrays arrays = HalfArrays.of(weight, DEVICE);
        KernelCall call = arrays.call("pairs", shape, x, y, 32, groups);
        var program = new KernelProgram("pairs", List.of(call), arrays.constants(), List.of(shape, x), List.of(y));
        try (var plan = DEVICE.prepare(program)) {
            plan.execute();
        }
        return y;
    }
}
