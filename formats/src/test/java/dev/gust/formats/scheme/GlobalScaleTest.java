package dev.gust.formats.scheme;

import static dev.gust.formats.scheme.GlobalScale.Use.DIVIDES;
import static dev.gust.formats.scheme.GlobalScale.Use.MULTIPLIES;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GlobalScaleTest {
    @ParameterizedTest
    @ValueSource(floats = {1, 0.25f, 4096, 0x1p-127f, 0x1p127f, 0x1p-126f})
    void powersOfTwoAreExactEitherWay(float value) {
        for (var use : GlobalScale.Use.values()) {
            var scale = new GlobalScale(use, value);
            var other = scale.exactly(use == DIVIDES ? MULTIPLIES : DIVIDES).orElseThrow();
            for (float s : new float[] {0, 0x1p-9f, 0.4375f, 1.625f, 448}) {
                assertThat(other.of(s)).isEqualTo(scale.of(s));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            floats = {
                3,
                2688,
                0.1f,
                0x1.fffffep0f, // its nearest reciprocal times itself is 1 in float32
                Float.MAX_VALUE,
                Float.MIN_VALUE,
                0,
                Float.NaN,
                Float.POSITIVE_INFINITY
            })
    void othersAreExactOnlyAsTheyAre(float value) {
        for (var use : GlobalScale.Use.values()) {
            var scale = new GlobalScale(use, value);
            assertThat(scale.exactly(use)).contains(scale);
            assertThat(scale.exactly(use == DIVIDES ? MULTIPLIES : DIVIDES)).isEmpty();
        }
    }

    /** Why a use belongs to the number: for most divisors the nearest reciprocal gives some other float32. */
    @Test
    void dividingIsNotMultiplyingByTheReciprocal() {
        var random = new SplittableRandom(5);
        int different = 0;
        for (int i = 0; i < 1000; i++) {
            var divisor = new GlobalScale(DIVIDES, random.nextFloat(1, 10_000));
            var factor = divisor.nearest(MULTIPLIES);
            boolean same = true;
            for (int s = 8; s < 16; s++) { // every significand of E4M3
                same &= divisor.of(s) == factor.of(s);
            }
            different += same ? 0 : 1;
        }
        assertThat(different).isGreaterThan(500);
    }

    @Test
    void onlyPositiveNumbersAreUsable() {
        for (float bad : new float[] {0, -0f, -1, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            assertThat(new GlobalScale(DIVIDES, bad).isUsable()).isFalse();
        }
        for (float good : new float[] {Float.MIN_VALUE, 1, Float.MAX_VALUE}) {
            assertThat(new GlobalScale(MULTIPLIES, good).isUsable()).isTrue();
        }
    }
}
