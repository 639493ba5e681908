package dev.gust.runtime.matmul;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.kernels.matmul.sdk.FloatBitsMatmul;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Codes whose bits are put where a float32 has its own, on the emulator. */
class FloatBitArraysTest {
    private static final EmulatorDevice DEVICE = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        DEVICE.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"mxfp4", "nvfp4", "fp8", "fp8-e5m2", "fp8-block", "mxfp8", "BF16", "int8", "int4"})
    void rowsOfSeveralRoundsAreSummedUp(String form) {
        for (int n : new int[] {4, 15, 71}) {
            for (int k : new int[] {128, 1408}) {
                for (int groups : new int[] {1, 3}) {
                    assertThat(error(form, n, k, 32, groups, 1))
                            .as("%s: N %d, K %d, %d groups", form, n, k, groups)
                            .isLessThan(QuantizedMatmul.TOLERANCE);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nvfp4", "fp8", "fp8-e5m2", "BF16", "int8", "int4"})
    void smallAndLargeInputsKeepTheirDigits(String form) {
        for (float size : new float[] {1e-15f, 1e18f}) {
            assertThat(error(form, 9, 128, 32, 2, size))
                    .as("%s: x around %g", form, size)
                    .isLessThan(1e-6);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nvfp4", "fp8", "BF16", "int8", "int4"})
    void whatIsNoNumberInXComesOut(String form) {
        for (float odd : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
            SampleWeights.Sample sample = SampleWeights.of(form, 9, 128, 7);
            var x = new FloatArray(128);
            x.init(1);
            x.set(77, odd);
            FloatArray y = product(sample.weight(), x, 32, 2);
            for (int row = 0; row < 9; row++) {
                Float expected = odd * sample.values()[row * 128 + 77];
                assertThat(y.get(row)).as("%s: x %f, row %d", form, odd, row).isEqualTo(expected);
            }
        }
    }

    /** Codes that are not a number would be restored as 480 and the like. */
    @ParameterizedTest
    @ValueSource(strings = {"fp8", "fp8-e5m2"})
    void weightsWithCodesThatAreNoNumbersAreLeftToOthers(String form) {
        int special = form.equals("fp8") ? 0x7F : 0x7C;
        for (int code : new int[] {special, special | 0x80, 0xFF}) {
            LinearWeight weight = SampleWeights.of(form, 9, 128, 7).weight();
            assertThat(FloatBitArrays.hold(weight)).isTrue();
            MemorySegment codes = Arena.ofAuto().allocate(weight.codes().byteSize(), 64);
            codes.copyFrom(weight.codes());
            codes.set(ValueLayout.JAVA_BYTE, 5 * 128 + 3, (byte) code);
            LinearWeight odd =
                    new LinearWeight(weight.name(), 9, 128, weight.format(), codes, weight.scales(), weight.factor());
            assertThat(FloatBitArrays.hold(odd)).isFalse();
            try (Arena arena = Arena.ofShared();
                    MatmulPlan plan = QuantizedMatmul.prepare(DEVICE, odd, MatmulOptions.DEFAULT)) {
                MemorySegment x = arena.allocate(128 * Float.BYTES, 64);
                x.set(ValueLayout.JAVA_FLOAT, 3 * Float.BYTES, 1);
                MemorySegment y = arena.allocate(9 * Float.BYTES, 64);
                plan.multiply(x, 1, y);
                for (int row = 0; row < 9; row++) {
                    float value = y.getAtIndex(ValueLayout.JAVA_FLOAT, row);
                    assertThat(Float.isFinite(value)).as("row %d", row).isEqualTo(row != 5);
                }
            }
        }
    }

    @Test
    void shapesThatDoNotFillWordsOrBatchesAreLeftToOthers() {
        assertThat(FloatBitArrays.hold(SampleWeights.of("nvfp4", 4, 16, 7).weight()))
                .isTrue();
        assertThat(FloatBitArrays.hold(SampleWeights.of("nvfp4", FloatBitsMatmul.BATCH - 1, 16, 7)
                        .weight()))
                .isFalse();
        assertThat(FloatBitArrays.hold(SampleWeights.of("fp8", 4, 20, 7).weight()))
                .isFalse();
        assertThat(FloatBitArrays.hold(SampleWeights.of("BF16", 4, 20, 7).weight()))
                .isTrue();
        assertThat(FloatBitArrays.hold(SampleWeights.of("F32", 4, 64, 7).weight()))
                .isFalse();
    }

    private static double error(String form, int n, int k, int local, int groups, float size) {
        SampleWeights.Sample sample = SampleWeights.of(form, n, k, 7);
        var x = new FloatArray(k);
        var random = new SplittableRandom(8);
        for (int i = 0; i < k; i++) {
            x.set(i, (float) random.nextGaussian() * size);
        }
        return MatmulConformance.error(
                sample,
                1,
                x.getSegment(),
                product(sample.weight(), x, local, groups).getSegment());
    }

    private static FloatArray product(LinearWeight weight, FloatArray x, int local, int groups) {
        IntArray shape = PackedArrays.shape(weight);
        shape.set(0, 1);
        var y = new FloatArray((int) weight.n());
        y.init(Float.NaN);
        FloatBitArrays arrays = FloatBitArrays.of(weight, DEVICE.arrays());
        KernelCall call = arrays.call("bits", shape, x, y, local, groups);
        var program = new KernelProgram("bits", List.of(call), arrays.constants(), List.of(shape, x), List.of(y));
        try (var plan = DEVICE.prepare(program)) {
            plan.execute();
        }
        return y;
    }
}
