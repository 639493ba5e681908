package dev.gust.formats.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ErrorSumsTest {
    private static MemorySegment segment(float... values) {
        MemorySegment segment = Arena.ofAuto().allocate(values.length * 4L + 4).asSlice(4);
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        return segment;
    }

    private static float[] random(int count, long seed, double scale) {
        var random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 7, 8, 15, 16, 17, 63, 1000, 4097})
    void agreesWithExactArithmetic(int count) {
        for (double scale : new double[] {1, 1e-40, 1e36}) {
            float[] s = random(count, count, scale);
            float[] r = random(count, count + 1, scale);
            BigDecimal signal = BigDecimal.ZERO;
            BigDecimal restored = BigDecimal.ZERO;
            BigDecimal product = BigDecimal.ZERO;
            BigDecimal error = BigDecimal.ZERO;
            double maxAbs = 0;
            for (int i = 0; i < count; i++) {
                BigDecimal x = new BigDecimal(s[i]);
                BigDecimal y = new BigDecimal(r[i]);
                signal = signal.add(x.multiply(x));
                restored = restored.add(y.multiply(y));
                product = product.add(x.multiply(y));
                error = error.add(x.subtract(y).pow(2));
                maxAbs = Math.max(maxAbs, Math.abs((double) s[i] - r[i]));
            }
            ErrorSums sums = ErrorSums.of(segment(s), segment(r));
            assertThat(sums.count()).isEqualTo(count);
            double tolerance = 1e-13 * signal.doubleValue();
            assertThat(sums.signal()).isCloseTo(signal.doubleValue(), within(tolerance));
            assertThat(sums.restored()).isCloseTo(restored.doubleValue(), within(1e-13 * restored.doubleValue()));
            assertThat(sums.product()).isCloseTo(product.doubleValue(), within(10 * tolerance));
            assertThat(sums.error()).isCloseTo(error.doubleValue(), within(1e-13 * error.doubleValue()));
            assertThat(sums.maxAbs()).isEqualTo(maxAbs);
            if (count > 0) {
                assertThat(sums.mse()).isEqualTo(sums.error() / count);
                assertThat(sums.sqnrDb())
                        .isCloseTo(10 * Math.log10(signal.doubleValue() / error.doubleValue()), within(1e-9));
                assertThat(sums.cosine()).isBetween(-1.0, 1.0);
            }
        }
    }

    @Test
    void aKnownPair() {
        ErrorSums sums = ErrorSums.of(segment(3, 4, 0), segment(3, 0, 4));
        assertThat(sums).isEqualTo(new ErrorSums(3, 25, 25, 9, 32, 4));
        assertThat(sums.cosine()).isCloseTo(9 / 25.0, within(1e-15));
        assertThat(sums.sqnrDb()).isCloseTo(10 * Math.log10(25 / 32.0), within(1e-12));
    }

    @Test
    void zerosHaveDefinedMeasures() {
        float[] some = {1, -2, 3};
        float[] none = {0, -0f, 0};
        ErrorSums both = ErrorSums.of(segment(none), segment(none));
        assertThat(both.sqnrDb()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(both.cosine()).isEqualTo(1);
        assertThat(both.mse()).isZero();
        ErrorSums lost = ErrorSums.of(segment(some), segment(none));
        assertThat(lost.sqnrDb()).isZero();
        assertThat(lost.cosine()).isZero();
        ErrorSums invented = ErrorSums.of(segment(none), segment(some));
        assertThat(invented.sqnrDb()).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(invented.cosine()).isZero();
        ErrorSums same = ErrorSums.of(segment(some), segment(some));
        assertThat(same.sqnrDb()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(same.cosine()).isCloseTo(1, within(1e-15));
        assertThat(ErrorSums.NONE.mse()).isZero();
        assertThat(ErrorSums.NONE.sqnrDb()).isEqualTo(Double.POSITIVE_INFINITY);
        assertThat(ErrorSums.NONE.merge(lost))
                .isEqualTo(lost.merge(ErrorSums.NONE))
                .isEqualTo(lost);
    }

    @Test
    void theGreatestFloatsDoNotOverflow() {
        ErrorSums sums =
                ErrorSums.of(segment(Float.MAX_VALUE, Float.MAX_VALUE), segment(-Float.MAX_VALUE, Float.MAX_VALUE));
        assertThat(sums.maxAbs()).isEqualTo(2.0 * Float.MAX_VALUE);
        assertThat(sums.sqnrDb()).isCloseTo(10 * Math.log10(0.5), within(1e-9));
        assertThat(sums.cosine()).isZero();
    }

    @Test
    void sameChunksGiveTheSameSumsInParallel() {
        float[] s = random(100_003, 1, 1);
        float[] r = random(100_003, 2, 1);
        MemorySegment original = segment(s);
        MemorySegment restored = segment(r);
        int chunk = 4096 * 4;
        int chunks = Math.ceilDiv((int) original.byteSize(), chunk);
        ErrorSums sequential = ErrorSums.NONE;
        for (int i = 0; i < chunks; i++) {
            sequential = sequential.merge(chunk(original, restored, i, chunk));
        }
        ErrorSums parallel =
                IntStream.range(0, chunks)
                        .parallel()
                        .mapToObj(i -> chunk(original, restored, i, chunk))
                        .toList()
                        .stream()
                        .reduce(ErrorSums.NONE, ErrorSums::merge);
        assertThat(parallel).isEqualTo(sequential);
        assertThat(parallel.count()).isEqualTo(100_003);
    }

    private static ErrorSums chunk(MemorySegment original, MemorySegment restored, int index, int bytes) {
        long offset = (long) index * bytes;
        long size = Math.min(bytes, original.byteSize() - offset);
        return ErrorSums.of(original.asSlice(offset, size), restored.asSlice(offset, size));
    }

    @Test
    void segmentsMustPair() {
        assertThatIllegalArgumentException().isThrownBy(() -> ErrorSums.of(segment(1, 2), segment(1)));
        MemorySegment bytes = MemorySegment.ofArray(new byte[7]);
        assertThatIllegalArgumentException().isThrownBy(() -> ErrorSums.of(bytes, bytes));
    }
}
