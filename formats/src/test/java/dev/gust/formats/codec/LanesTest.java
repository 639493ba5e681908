package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Random;
import java.util.function.IntFunction;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Vector lanes against the scalar conversions, bit for bit. */
class LanesTest {
    static final List<NarrowFloatLanes> LANES = List.of(
            NarrowFloatLanes.E4M3FN,
            NarrowFloatLanes.E5M2,
            NarrowFloatLanes.E4M3FNUZ,
            NarrowFloatLanes.E5M2FNUZ,
            NarrowFloatLanes.E2M3,
            NarrowFloatLanes.E3M2,
            NarrowFloatLanes.E2M1,
            NarrowFloatLanes.F16);

    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;

    /** All BF16 values (every exponent, specials), all F16 values, and random float32 bit patterns. */
    private static final float[] INPUTS = inputs();

    private static float[] inputs() {
        var random = new Random(7);
        float[] x = new float[3 << 16];
        for (int i = 0; i < 1 << 16; i++) {
            x[i] = FloatFormat.BF16.decode(i);
            x[i + (1 << 16)] = FloatFormat.F16.decode(i);
            x[i + (2 << 16)] = Float.intBitsToFloat(random.nextInt());
        }
        return x;
    }

    @ParameterizedTest
    @FieldSource("LANES")
    void narrowFloatsAgreeWithScalar(NarrowFloatLanes lanes) {
        FloatFormat format = lanes.format();
        check(lanes::encode, x -> format.encode(x, true));
        check(lanes::encodeOverflowing, x -> format.encode(x, false));
        checkDecode(lanes::decode, format::decode, format.codes());
        checkInRange(lanes);
    }

    @Test
    void brainFloatsAgreeWithScalar() {
        check(BFloat16Lanes::encodeSaturating, x -> FloatFormat.BF16.encode(x, true));
        check(BFloat16Lanes::encode, x -> FloatFormat.BF16.encode(x, false));
        checkDecode(BFloat16Lanes::decode, FloatFormat.BF16::decode, 1 << 16);
    }

    @Test
    void scalesAgreeWithScalar() {
        check(E8M0Lanes::encode, x -> E8M0.encode(x, true));
        check(E8M0Lanes::encodeOverflowing, x -> E8M0.encode(x, false));
        checkDecode(E8M0Lanes::decode, E8M0::decode, 256);
    }

    @Test
    void refusesFormatsTooWideForFloatArithmetic() {
        assertThatIllegalArgumentException().isThrownBy(() -> new NarrowFloatLanes(FloatFormat.BF16));
    }

    private interface Encoder {
        IntVector encode(FloatVector x);
    }

    private interface ScalarEncoder {
        int encode(float x);
    }

    private interface Decoder {
        FloatVector decode(IntVector codes);
    }

    private static void check(Encoder lanes, ScalarEncoder scalar) {
        for (int i = 0; i < INPUTS.length; i += FLOATS.length()) {
            int[] codes = lanes.encode(FloatVector.fromArray(FLOATS, INPUTS, i)).toArray();
            for (int j = 0; j < codes.length; j++) {
                if (codes[j] != scalar.encode(INPUTS[i + j])) {
                    assertThat(codes[j]).as("of %s", INPUTS[i + j]).isEqualTo(scalar.encode(INPUTS[i + j]));
                }
            }
        }
    }

    private static void checkDecode(Decoder lanes, IntFunction<Float> scalar, int codes) {
        for (int first = 0; first < codes; first += INTS.length()) {
            float[] values =
                    lanes.decode(IntVector.broadcast(INTS, first).addIndex(1)).toArray();
            for (int j = 0; j < values.length; j++) {
                assertThat(Float.floatToRawIntBits(values[j]))
                        .as("code %d", first + j)
                        .isEqualTo(Float.floatToRawIntBits(scalar.apply(first + j)));
            }
        }
    }

    private static void checkInRange(NarrowFloatLanes lanes) {
        float max = lanes.format().max();
        float[] x = new float[FLOATS.length()];
        var random = new Random(8);
        for (int round = 0; round < 2000; round++) {
            for (int i = 0; i < x.length; i++) {
                x[i] = (float) Math.scalb(random.nextDouble(-1, 1), -random.nextInt(24)) * max;
            }
            int[] codes =
                    lanes.encodeInRange(FloatVector.fromArray(FLOATS, x, 0)).toArray();
            for (int i = 0; i < x.length; i++) {
                assertThat(codes[i]).isEqualTo(lanes.format().encode(x[i], true));
            }
        }
    }
}
