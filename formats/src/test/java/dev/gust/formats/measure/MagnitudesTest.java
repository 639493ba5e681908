package dev.gust.formats.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MagnitudesTest {
    private static Magnitudes scan(float... values) {
        MemorySegment segment = Arena.ofAuto().allocate(values.length * 4L + 4).asSlice(4);
        MemorySegment.copy(values, 0, segment, ValueLayout.JAVA_FLOAT_UNALIGNED, 0, values.length);
        return Magnitudes.scan(segment, 1_000_000_000_000L);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 15, 16, 17, 33, 4095, 4096, 4097, 10_000})
    void findsTheLargestMagnitudeWhereverItIs(int count) {
        var random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = random.nextFloat() - 0.5f;
        }
        for (int at : new int[] {0, count / 2, count - 1}) {
            float[] copy = values.clone();
            copy[at] = -0.75f;
            assertThat(scan(copy)).isEqualTo(new Magnitudes(0.75f, OptionalLong.empty()));
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void findsTheFirstValueThatIsNotFinite(float bad) {
        for (int at : new int[] {0, 1, 16, 4095, 4096, 8191, 8192, 9000, 9001}) {
            float[] values = new float[9003];
            values[3] = 2;
            values[at] = bad;
            values[9002] = Float.NaN;
            assertThat(scan(values).firstNonFinite()).hasValue(1_000_000_000_000L + at);
            assertThat(scan(values).max()).isEqualTo(at == 3 ? 0 : 2);
        }
    }

    @Test
    void signsOfNaNsDoNotMatter() {
        assertThat(scan(1, Float.intBitsToFloat(0xFFFF_FFFF)).firstNonFinite()).hasValue(1_000_000_000_001L);
        assertThat(scan(1, Float.intBitsToFloat(0xFF80_0001)).max()).isEqualTo(1);
    }

    @Test
    void extremes() {
        assertThat(scan()).isEqualTo(Magnitudes.NONE);
        assertThat(scan(-0f, 0f)).isEqualTo(Magnitudes.NONE);
        assertThat(scan(-Float.MIN_VALUE, 0).max()).isEqualTo(Float.MIN_VALUE);
        assertThat(scan(1, -Float.MAX_VALUE)).isEqualTo(new Magnitudes(Float.MAX_VALUE, OptionalLong.empty()));
        assertThatIllegalArgumentException().isThrownBy(() -> Magnitudes.scan(MemorySegment.ofArray(new byte[5]), 0));
    }

    @Test
    void mergingDoesNotDependOnOrder() {
        var early = new Magnitudes(1, OptionalLong.of(7));
        var late = new Magnitudes(3, OptionalLong.of(9));
        var finite = new Magnitudes(2, OptionalLong.empty());
        assertThat(early.merge(late))
                .isEqualTo(new Magnitudes(3, OptionalLong.of(7)))
                .isEqualTo(late.merge(early));
        assertThat(finite.merge(late))
                .isEqualTo(new Magnitudes(3, OptionalLong.of(9)))
                .isEqualTo(late.merge(finite));
        assertThat(finite.merge(Magnitudes.NONE)).isEqualTo(finite);
    }
}
