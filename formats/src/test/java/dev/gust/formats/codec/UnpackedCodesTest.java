package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.NavigableSet;
import java.util.Objects;
import java.util.Random;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class UnpackedCodesTest {
    static final List<DType> TYPES = Arrays.stream(DType.values())
            .filter(d -> UnpackedCodes.of(d).isPresent())
            .toList();

    @Test
    void coversTheFloatingPointTypesUpTo16Bits() {
        assertThat(TYPES)
                .containsExactly(
                        DType.F16,
                        DType.BF16,
                        DType.F8_E4M3,
                        DType.F8_E5M2,
                        DType.F8_E4M3FNUZ,
                        DType.F8_E5M2FNUZ,
                        DType.F8_E8M0,
                        DType.F6_E2M3,
                        DType.F6_E3M2,
                        DType.F4);
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void roundsToEvenAsOneByOneWithEitherOverflow(DType dtype) {
        UnpackedCodes codes = UnpackedCodes.of(dtype).orElseThrow();
        var random = new Random(21);
        for (int count : new int[] {0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 65, 1000, 4099}) {
            float[] x = new float[count];
            for (int i = 0; i < count; i++) {
                x[i] = random.nextInt(3) == 0
                        ? Float.intBitsToFloat(random.nextInt())
                        : (float) random.nextGaussian() * 30;
            }
            for (boolean saturate : new boolean[] {false, true}) {
                int[] got = encode(codes, x, 0, Rounding.EVEN, saturate);
                for (int i = 0; i < count; i++) {
                    float value = x[i];
                    int expected = FloatFormat.of(dtype)
                            .map(f -> f.encode(value, saturate))
                            .orElseGet(() -> E8M0.encode(value, saturate));
                    assertThat(got[i]).as("%s of %s", dtype, value).isEqualTo(expected);
                }
                float[] back = decode(codes, got);
                for (int i = 0; i < count; i++) {
                    int code = got[i];
                    float expected =
                            FloatFormat.of(dtype).map(f -> f.decode(code)).orElseGet(() -> E8M0.decode(code));
                    assertThat(Float.floatToIntBits(back[i])).isEqualTo(Float.floatToIntBits(expected));
                }
            }
        }
    }

    /**
     * The mean of n roundings between neighbours a distance d apart has a standard deviation of at most d / (2 √n): a
     * fair rounding strays beyond five of them once in two million trials, and the seed is fixed.
     */
    @ParameterizedTest
    @FieldSource("TYPES")
    void stochasticRoundingKeepsTheMean(DType dtype) {
        UnpackedCodes codes = UnpackedCodes.of(dtype).orElseThrow();
        NavigableSet<Float> grid = values(dtype);
        int n = 40_000;
        var random = new Random(22);
        float[] values = new float[12];
        for (int i = 0; i < values.length; i++) {
            // From subnormals of the narrow types upwards; E8M0 has no negative values.
            float magnitude = (float) Math.scalb(random.nextDouble(1, 2), -11 + i);
            values[i] = dtype == DType.F8_E8M0 || i % 2 == 0 ? magnitude : -magnitude;
        }
        for (int v = 0; v < values.length; v++) {
            float[] x = new float[n];
            Arrays.fill(x, values[v]);
            float[] rounded = decode(codes, encode(codes, x, (long) v * n, new Rounding.Stochastic(2026), true));
            float low = Float.POSITIVE_INFINITY;
            float high = Float.NEGATIVE_INFINITY;
            double sum = 0;
            for (float r : rounded) {
                low = Math.min(low, r);
                high = Math.max(high, r);
                sum += r;
            }
            assertNeighbours(grid, values[v], low, high);
            double spacing = (double) Objects.requireNonNull(grid.ceiling(values[v]))
                    - Objects.requireNonNull(grid.floor(values[v]));
            double bound = 5 * spacing / (2 * Math.sqrt(n));
            assertThat(sum / n).as("%s of %s", dtype, values[v]).isBetween(values[v] - bound, values[v] + bound);
        }
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void stochasticRoundingKeepsExactValuesAndGoesToNeighboursOnly(DType dtype) {
        UnpackedCodes codes = UnpackedCodes.of(dtype).orElseThrow();
        int total = FloatFormat.of(dtype).map(FloatFormat::codes).orElse(256);
        int[] all = new int[total];
        Arrays.setAll(all, i -> i);
        float[] values = decode(codes, all);
        for (boolean saturate : new boolean[] {false, true}) {
            assertThat(decode(codes, encode(codes, values, 5, new Rounding.Stochastic(1), saturate)))
                    .as("%s, saturate %s", dtype, saturate)
                    .isEqualTo(decode(codes, encode(codes, values, 5, Rounding.EVEN, saturate)));
        }
        var random = new Random(23);
        NavigableSet<Float> grid = values(dtype);
        float[] x = new float[20_000];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) Math.scalb(random.nextDouble(1, 2), random.nextInt(-148, 2));
        }
        float[] rounded = decode(codes, encode(codes, x, 0, new Rounding.Stochastic(-9), false));
        for (int i = 0; i < x.length; i++) {
            assertNeighbours(grid, x[i], rounded[i], rounded[i]);
        }
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void stochasticRoundingInBulkIsAsOneByOne(DType dtype) {
        UnpackedCodes codes = UnpackedCodes.of(dtype).orElseThrow();
        var random = new Random(25);
        var rounding = new Rounding.Stochastic(4);
        long first = Long.MAX_VALUE - 70_000;
        float[] x = new float[1 << 16];
        for (int i = 0; i < x.length; i++) {
            x[i] = i % 2 == 0 ? FloatFormat.BF16.decode(i) : Float.intBitsToFloat(random.nextInt());
        }
        for (boolean saturate : new boolean[] {false, true}) {
            int[] got = encode(codes, x, first, rounding, saturate);
            for (int i = 0; i < x.length; i++) {
                float value = x[i];
                long bits = rounding.bitsAt(first + i);
                int expected = FloatFormat.of(dtype)
                        .map(f -> f.encodeStochastic(value, saturate, bits))
                        .orElseGet(() -> E8M0.encodeStochastic(value, saturate, bits));
                if (got[i] != expected) {
                    assertThat(got[i]).as("%s of %s", dtype, value).isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void stochasticRoundingDependsOnSeedAndIndexOnly(DType dtype) {
        UnpackedCodes codes = UnpackedCodes.of(dtype).orElseThrow();
        float[] x = new float[1000];
        var random = new Random(24);
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextFloat() + 0.5f;
        }
        var rounding = new Rounding.Stochastic(77);
        long first = (1L << 40) + 3;
        int[] whole = encode(codes, x, first, rounding, true);
        assertThat(encode(codes, x, first, new Rounding.Stochastic(77), true)).isEqualTo(whole);
        assertThat(encode(codes, x, first, new Rounding.Stochastic(78), true)).isNotEqualTo(whole);
        int done = 0;
        for (int piece : new int[] {1, 15, 16, 17, 300, 651}) {
            int[] part = encode(codes, Arrays.copyOfRange(x, done, done + piece), first + done, rounding, true);
            assertThat(part).isEqualTo(Arrays.copyOfRange(whole, done, done + piece));
            done += piece;
        }
        assertThat(done).isEqualTo(x.length);
    }

    @Test
    void stochasticOverflowFollowsSaturate() {
        UnpackedCodes e4m3 = UnpackedCodes.of(DType.F8_E4M3).orElseThrow();
        float[] x = {449f, -1e30f, Float.POSITIVE_INFINITY, Float.NaN};
        var rounding = new Rounding.Stochastic(3);
        assertThat(encode(e4m3, x, 0, rounding, true)).containsExactly(0x7e, 0xfe, 0x7e, 0x7f);
        assertThat(encode(e4m3, x, 0, rounding, false)).containsExactly(0x7f, 0xff, 0x7f, 0x7f);
        UnpackedCodes e8m0 = UnpackedCodes.of(DType.F8_E8M0).orElseThrow();
        float[] ends = {0f, Float.MIN_VALUE, Float.MAX_VALUE, -1f};
        assertThat(encode(e8m0, ends, 0, rounding, true)).containsExactly(0, 0, 254, 255);
        assertThat(encode(e8m0, ends, 0, rounding, false)).containsExactly(255, 0, 255, 255);
    }

    /** Bits of one seed are as good as independent of those of the next, and of a shift of them. */
    @Test
    void seedsGiveUnrelatedBits() {
        int n = 4096;
        for (int shift : new int[] {0, 1, 2}) {
            long equal = 0;
            for (int i = 0; i < n; i++) {
                long difference = new Rounding.Stochastic(5).bitsAt(i + shift) ^ new Rounding.Stochastic(6).bitsAt(i);
                equal += 64 - Long.bitCount(difference);
            }
            // 64 n fair coins: a standard deviation of 4 √n = 256; five of them.
            assertThat(equal).isBetween(32L * n - 1280, 32L * n + 1280);
        }
    }

    private static void assertNeighbours(NavigableSet<Float> values, float x, float low, float high) {
        assertThat(low)
                .as("rounded %s", x)
                .isGreaterThanOrEqualTo(Objects.requireNonNullElse(values.floor(x), values.first()));
        assertThat(high)
                .as("rounded %s", x)
                .isLessThanOrEqualTo(Objects.requireNonNullElse(values.ceiling(x), values.last()));
    }

    /** Every finite value of a type. */
    private static NavigableSet<Float> values(DType dtype) {
        int total = FloatFormat.of(dtype).map(FloatFormat::codes).orElse(256);
        var values = new TreeSet<Float>();
        for (int code = 0; code < total; code++) {
            int c = code;
            float v = FloatFormat.of(dtype).map(f -> f.decode(c)).orElseGet(() -> E8M0.decode(c));
            if (Float.isFinite(v)) {
                values.add(v);
            }
        }
        return values;
    }

    private static int[] encode(UnpackedCodes codes, float[] x, long first, Rounding rounding, boolean saturate) {
        MemorySegment floats = MemorySegment.ofArray(x);
        if (codes.codeType() == DType.U16) {
            short[] out = new short[x.length];
            codes.encode(floats, 0, MemorySegment.ofArray(out), 0, x.length, first, rounding, saturate);
            int[] unsigned = new int[out.length];
            Arrays.setAll(unsigned, i -> out[i] & 0xffff);
            return unsigned;
        }
        byte[] out = new byte[x.length];
        codes.encode(floats, 0, MemorySegment.ofArray(out), 0, x.length, first, rounding, saturate);
        int[] unsigned = new int[out.length];
        Arrays.setAll(unsigned, i -> out[i] & 0xff);
        return unsigned;
    }

    private static float[] decode(UnpackedCodes codes, int[] in) {
        float[] x = new float[in.length];
        MemorySegment stored = MemorySegment.ofArray(new byte[2 * in.length]);
        for (int i = 0; i < in.length; i++) {
            if (codes.codeType() == DType.U16) {
                stored.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * i, (short) in[i]);
            } else {
                stored.set(ValueLayout.JAVA_BYTE, i, (byte) in[i]);
            }
        }
        codes.decode(stored, 0, MemorySegment.ofArray(x), 0, in.length);
        return x;
    }
}
