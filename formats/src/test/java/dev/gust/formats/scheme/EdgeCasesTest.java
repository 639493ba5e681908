package dev.gust.formats.scheme;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Blocks and tensors at the ends of what float32 and the scales can hold, and the bytes that they become. */
class EdgeCasesTest {
    /** Stored bytes and restored values of one row. */
    private static final class Stored {
        final List<byte[]> parts;
        final float[] restored;

        Stored(List<byte[]> parts, float[] restored) {
            this.parts = parts;
            this.restored = restored;
        }

        int code(int part, int index) {
            return parts.get(part)[index] & 0xFF;
        }

        float global() {
            return MemorySegment.ofArray(parts.get(2)).get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0);
        }

        int nibble(int element) {
            return (code(0, element / 2) >> (element % 2 * 4)) & 0xF;
        }
    }

    private static Stored store(Scheme scheme, ScaleRule rule, DType scaleDtype, float tensorAmax, float... row) {
        WeightQuantizer quantizer = Quantizers.of(scheme, rule, scaleDtype);
        Shape shape = Shape.of(1, row.length);
        try (Arena arena = Arena.ofConfined()) {
            List<MemorySegment> parts = Weights.allocate(arena, quantizer.parts(shape));
            quantizer.quantize(Weights.segment(arena, row), 1, shape, tensorAmax, parts);
            MemorySegment restored = arena.allocate(row.length * 4L);
            quantizer.dequantize(parts, 1, row.length, restored);
            return new Stored(Weights.bytes(parts), restored.toArray(ValueLayout.JAVA_FLOAT));
        }
    }

    private static Stored store(Scheme scheme, ScaleRule rule, float... row) {
        return store(scheme, rule, DType.F32, Weights.amax(row), row);
    }

    /** A row of that length, zero but for its beginning. */
    private static float[] row(int length, double... values) {
        float[] row = new float[length];
        for (int i = 0; i < values.length; i++) {
            row[i] = (float) values[i];
        }
        return row;
    }

    @ParameterizedTest
    @EnumSource(Scheme.class)
    void zerosStayZerosUnderAScaleThatIsNone(Scheme scheme) {
        for (float zero : new float[] {0f, -0f}) {
            float[] row = new float[256];
            Arrays.fill(row, zero);
            Stored stored = store(scheme, ScaleRule.EVEN, row);
            assertThat(Weights.amax(stored.restored)).isZero();
            switch (scheme) {
                case NVFP4 -> {
                    assertThat(stored.global()).isEqualTo(1);
                    assertThat(stored.parts.get(1)).containsOnly(0x20); // 0.125
                }
                case MXFP8, MXFP6_E2M3, MXFP6_E3M2, MXFP4 ->
                    assertThat(stored.parts.get(1)).containsOnly(0);
                default -> {
                    MemorySegment scales = MemorySegment.ofArray(stored.parts.get(1));
                    assertThat(scales.toArray(ValueLayout.JAVA_FLOAT_UNALIGNED)).containsOnly(1);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        // Rule, largest magnitude in units of 2^k, exponent of the scale less k − emax; at, below and above thresholds.
        "MXFP4, FLOOR, 1.99999, 0",
        "MXFP4, FLOOR, 1, 0",
        "MXFP4, EVEN, 1.7499999, 0",
        "MXFP4, EVEN, 1.75, 1",
        "MXFP4, EVEN, 1.5, 0",
        "MXFP4, CEIL, 1, 0",
        "MXFP4, CEIL, 1.0000001, 1",
        "MXFP4, RCEIL, 1.5, 0",
        "MXFP4, RCEIL, 1.5000001, 1",
        "MXFP8, EVEN, 1.7499999, 0",
        "MXFP8, EVEN, 1.75, 1",
        "MXFP8, EVEN, 1.9375, 1",
        "MXFP8, RCEIL, 1.75, 0",
        "MXFP8, RCEIL, 1.7500001, 1",
        "MXFP8, FLOOR, 1.9375, 0",
        "MXFP8, CEIL, 1, 0",
        "MXFP6_E2M3, EVEN, 1.9374999, 0",
        "MXFP6_E2M3, EVEN, 1.9375, 1",
        "MXFP6_E2M3, RCEIL, 1.875, 0",
        "MXFP6_E2M3, RCEIL, 1.8750001, 1",
        "MXFP6_E3M2, EVEN, 1.8749999, 0",
        "MXFP6_E3M2, EVEN, 1.875, 1",
        "MXFP6_E3M2, RCEIL, 1.75, 0",
        "MXFP6_E3M2, RCEIL, 1.7500001, 1",
    })
    void rulesRoundUpFromTheirThresholds(Scheme scheme, ScaleRule rule, float mantissa, int up) {
        int emax = switch (scheme) {
            case MXFP8 -> 8;
            case MXFP6_E3M2 -> 4;
            default -> 2;
        };
        for (int k : new int[] {-100, -1, 0, 5, 126}) {
            for (float sign : new float[] {1, -1}) {
                Stored stored = store(scheme, rule, row(32, 0, sign * Math.scalb(mantissa, k)));
                assertThat(stored.code(1, 0)).as("k = " + k).isEqualTo(k - emax + up + 127);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"MXFP8, 8", "MXFP6_E2M3, 2", "MXFP6_E3M2, 4", "MXFP4, 2"})
    void exponentsAreClampedAtBothEnds(Scheme scheme, int emax) {
        for (ScaleRule rule : ScaleRule.values()) {
            for (float tiny : new float[] {Float.MIN_VALUE, 0x1p-140f, 0x1p-127f, Float.MIN_NORMAL}) {
                assertThat(store(scheme, rule, row(32, tiny, -tiny)).code(1, 0)).isZero();
            }
            float[] huge = row(64, Float.MAX_VALUE, -Float.MAX_VALUE, 0x1p127, 1.75 * 0x1p127, 1.9 * 0x1p127);
            Stored stored = store(scheme, rule, huge);
            assertThat(stored.code(1, 0)).isLessThanOrEqualTo(254 - emax);
            for (float value : stored.restored) {
                assertThat(value).isFinite();
            }
            assertThat(stored.restored[0]).isGreaterThan(0x1p127f);
        }
    }

    @Test
    void theLeastScaleRestoresSubnormals() {
        // 2^-127 · {0.5 … 6}: the scale is itself a float32 subnormal, which code that flushes them reads as 0.
        double unit = 0x1p-127;
        float[] row = row(32, 0.5 * unit, unit, -1.5 * unit, 2 * unit, 3 * unit, 4 * unit, 6 * unit);
        Stored stored = store(Scheme.MXFP4, ScaleRule.FLOOR, row);
        assertThat(stored.code(1, 0)).isZero();
        assertThat(stored.restored).isEqualTo(row);
    }

    @Test
    void fp4TiesGoToTheEvenCode() {
        double[] ties = {6, .25, .75, 1.25, 1.75, 2.5, 3.5, 5, -.25, -.75, -1.25, -1.75, -2.5, -3.5, -5, -0.0};
        double[] even = {6, 0, 1, 1, 2, 2, 4, 4, -0.0, -1, -1, -2, -2, -4, -4, -0.0};
        int[] codes = {7, 0, 2, 2, 4, 4, 6, 6, 8, 10, 10, 12, 12, 14, 14, 8};
        Stored mx = store(Scheme.MXFP4, ScaleRule.FLOOR, row(32, ties));
        // With 2688 / 2688 = 1 as the global scale, a block maximum of 6 has the scale 1.
        Stored nv = store(Scheme.NVFP4, ScaleRule.FLOOR, DType.F32, 2688, row(16, ties));
        assertThat(mx.code(1, 0)).isEqualTo(127);
        assertThat(nv.code(1, 0)).isEqualTo(0x38);
        for (int i = 0; i < ties.length; i++) {
            assertThat(mx.restored[i]).isEqualTo((float) even[i]);
            assertThat(nv.restored[i]).isEqualTo((float) even[i]);
            assertThat(mx.nibble(i)).as("code of " + ties[i]).isEqualTo(codes[i]);
            assertThat(nv.nibble(i)).as("code of " + ties[i]).isEqualTo(codes[i]);
        }
    }

    @Test
    void oneValueAmongZerosSurvives() {
        for (Scheme scheme : Scheme.values()) {
            for (double value : new double[] {1, -3, 0x1p-20, -0x1.8p100}) {
                float[] row = row(256);
                row[100] = (float) value;
                Stored stored = store(scheme, ScaleRule.EVEN, row);
                for (int i = 0; i < row.length; i++) {
                    if (i == 100) {
                        // INT8 and INT4 spend half a step on their asymmetric range.
                        assertThat(stored.restored[i] / value)
                                .as(scheme + " " + value)
                                .isBetween(0.93, 1.07);
                    } else {
                        assertThat(stored.restored[i]).as(scheme + " " + value).isZero();
                    }
                }
            }
        }
    }

    @Test
    void nvfp4BlockBesideAHugeOneKeepsAScale() {
        float[] row = row(64, 6000, -6000);
        row[16] = 1e-3f; // Its scale would be 448 · 1e-3 / 6000 = 7.5e-5, below half of 2^-9.
        row[32] = 0.02f; // 1.5e-3: rounds to 2^-9, which then stands for 0.00436: the weight becomes 4 of that.
        Stored stored = store(Scheme.NVFP4, ScaleRule.EVEN, row);
        assertThat(stored.parts.get(1)).containsExactly(0x7E, 0x01, 0x01, 0x20);
        assertThat(stored.restored[0]).isBetween(5999.99f, 6000.01f);
        assertThat(stored.restored[16]).isZero();
        assertThat(stored.restored[32]).isBetween(0.0174f, 0.0175f);
    }

    @Test
    void nvfp4ScaleSaturatesWhenTheSharedMaximumIsTooSmall() {
        // As if q, k and v shared k's maximum of 1 and this row of q reached 1000: no NaN, but the greatest scale.
        Stored stored = store(Scheme.NVFP4, ScaleRule.EVEN, DType.F32, 1, row(16, 1000, 0.5));
        assertThat(stored.code(1, 0)).isEqualTo(0x7E);
        assertThat(stored.restored[0]).isEqualTo(1f);
        // And a maximum from elsewhere that is greater than this row's only makes its scales smaller.
        Stored smaller = store(Scheme.NVFP4, ScaleRule.EVEN, DType.F32, 12, row(16, 6, 3));
        assertThat(smaller.global()).isEqualTo(224);
        assertThat(smaller.restored[0]).isEqualTo(6f);
        assertThat(smaller.restored[1]).isEqualTo(3f);
    }

    @Test
    void nvfp4ReciprocalConventionsAgree() {
        float[] row = Weights.of(Weights.Kind.LAPLACE, 512, 3);
        Stored stored = store(Scheme.NVFP4, ScaleRule.EVEN, row);
        // ModelOpt and GGUF store the reciprocal and multiply by it.
        double reciprocal = 1.0 / stored.global();
        for (int i = 0; i < row.length; i++) {
            double element = ReferenceScheme.value(ReferenceScheme.E2M1, stored.nibble(i));
            double scale = ReferenceScheme.value(ReferenceScheme.E4M3, stored.code(1, i / 16));
            assertThat((double) stored.restored[i])
                    .isCloseTo(element * scale * reciprocal, org.assertj.core.data.Percentage.withPercentage(1e-4));
        }
    }

    @Test
    void nvfp4AtTheEndsOfFloat32() {
        Stored huge = store(Scheme.NVFP4, ScaleRule.EVEN, row(32, Float.MAX_VALUE, -Float.MAX_VALUE, 1e30));
        assertThat(huge.global()).isFinite().isPositive();
        assertThat(huge.restored[0]).isFinite().isGreaterThan(0.999f * Float.MAX_VALUE);
        for (float amax : new float[] {Float.MIN_VALUE, 0x1p-140f, 0x1p-120f, 0x1p-104f, 0x1p-90f}) {
            Stored tiny = store(Scheme.NVFP4, ScaleRule.EVEN, row(16, amax, -amax));
            assertThat(tiny.global()).isFinite().isPositive().isLessThanOrEqualTo(0x1p116f);
            assertThat(tiny.code(1, 0)).isBetween(0x01, 0x7E);
            assertThat(tiny.restored[0]).isBetween(0f, amax * 1.01f);
            if (amax >= 0x1p-104f) {
                assertThat(tiny.restored[0]).isGreaterThan(amax * 0.99f);
            }
        }
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, -1}) {
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> store(Scheme.NVFP4, ScaleRule.EVEN, DType.F32, bad, row(16, 1)));
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> store(Scheme.FP8_TENSOR, ScaleRule.EVEN, DType.F32, bad, row(16, 1)));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Scheme.class,
            names = {"FP8", "FP8_TENSOR", "FP8_BLOCK", "FP8_E5M2", "INT8", "INT4"})
    void plainScalesThatF16CannotHoldAreRefused(Scheme scheme) {
        float[] row = row(128, 1e30);
        assertThatThrownBy(() -> store(scheme, ScaleRule.EVEN, DType.F16, 1e30f, row))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("F16 cannot hold")
                .hasMessageContaining("BF16 or F32");
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
            assertThat(store(scheme, ScaleRule.EVEN, dtype, 1e30f, row).restored[0])
                    .isBetween(0.92e30f, 1.08e30f);
        }
    }

    @Test
    void plainScalesDoNotUnderflow() {
        for (DType dtype : List.of(DType.F32, DType.BF16, DType.F16)) {
            Stored stored = store(Scheme.INT8, ScaleRule.EVEN, dtype, 0, row(16, 0x1p-140, -0x1p-149));
            for (byte[] scale : List.of(stored.parts.get(1))) {
                assertThat(scale).isNotEqualTo(new byte[scale.length]);
            }
            assertThat(Weights.amax(stored.restored)).isZero();
        }
        // Small weights in F16 models keep their precision: 2e-4 / 127.5 is a subnormal of F16, 26 units above zero.
        Stored small = store(Scheme.INT8, ScaleRule.EVEN, DType.F16, 0, row(16, 2e-4, 1e-4));
        assertThat(small.restored[1]).isBetween(0.98e-4f, 1.02e-4f);
    }

    @Test
    void int4PacksEightToAWordFromTheLowestBits() {
        double[] values = {-8, -7, -1, 0, 1, 6, 7, 7, 3, -3, 0, 0, 0, 0, 0, -8};
        // 7.5 makes the scale 1 and saturates at 7 (or, negative, rounds to −8).
        float[] row = row(128, values);
        row[127] = 7.5f;
        for (int i = 0; i < 16; i++) {
            row[i] = Math.clamp(row[i], -7.5f, 7.5f);
        }
        Stored stored = store(Scheme.INT4, ScaleRule.EVEN, row);
        MemorySegment words = MemorySegment.ofArray(stored.parts.get(0));
        assertThat(words.get(ValueLayout.JAVA_INT_UNALIGNED, 0)).isEqualTo(0xFFE98710);
        assertThat(words.get(ValueLayout.JAVA_INT_UNALIGNED, 4)).isEqualTo(0x0888885B);
        assertThat(words.get(ValueLayout.JAVA_INT_UNALIGNED, 60)).isEqualTo(0xF8888888);
        assertThat(MemorySegment.ofArray(stored.parts.get(2)).toArray(ValueLayout.JAVA_LONG_UNALIGNED))
                .containsExactly(1, 128);
    }

    @Test
    void fp6PacksFourToThreeBytesFromTheLowestBits() {
        // E2M3 codes of 1, 2, −3.5 and 7.5: 0x08, 0x10, 0x36, 0x1F.
        Stored stored = store(Scheme.MXFP6_E2M3, ScaleRule.FLOOR, row(32, 1, 2, -3.5, 7.5));
        int bits = 0x08 | 0x10 << 6 | 0x36 << 12 | 0x1F << 18;
        assertThat(stored.code(0, 0) | stored.code(0, 1) << 8 | stored.code(0, 2) << 16)
                .isEqualTo(bits);
        assertThat(Arrays.copyOf(stored.restored, 4)).containsExactly(1, 2, -3.5f, 7.5f);
    }
}
