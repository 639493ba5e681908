package dev.gust.formats.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.gust.formats.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class FloatFormatTest {
    static final List<FloatFormat> FORMATS = FloatFormat.ALL;

    @Test
    void decodesEveryCodeAsMlDtypesDoes() {
        for (Vectors.Row row : Vectors.decoding()) {
            float value = row.format().map(f -> f.decode(row.code())).orElseGet(() -> E8M0.decode(row.code()));
            assertThat(Float.floatToRawIntBits(value)).as("%s", row).isEqualTo(Float.floatToRawIntBits(row.value()));
        }
    }

    @Test
    void encodesEveryVectorAsMlDtypesDoes() {
        for (Vectors.Row row : Vectors.encoding()) {
            int code = row.format()
                    .map(f -> f.encode(row.value(), false))
                    .orElseGet(() -> E8M0.encode(row.value(), false));
            assertThat(code).as("%s", row).isEqualTo(row.code());
        }
    }

    /** The vectors were made without saturation: it may only change the codes of what is beyond the greatest value. */
    @Test
    void saturationChangesOverflowOnly() {
        int overflows = 0;
        for (Vectors.Row row : Vectors.encoding()) {
            if (row.format().isEmpty()) {
                continue;
            }
            FloatFormat format = row.format().orElseThrow();
            int code = format.encode(row.value(), true);
            if (format.isFinite(row.code()) || Float.isNaN(row.value())) {
                assertThat(code).as("%s", row).isEqualTo(row.code());
            } else {
                overflows++;
                assertThat(format.decode(code)).as("%s", row).isEqualTo(Math.copySign(format.max(), row.value()));
            }
        }
        assertThat(overflows).isGreaterThan(100);
    }

    @ParameterizedTest
    @FieldSource("FORMATS")
    void everyCodeSurvivesDecodingAndEncoding(FloatFormat format) {
        for (int code = 0; code < format.codes(); code++) {
            float value = format.decode(code);
            for (boolean saturate : new boolean[] {false, true}) {
                int back = format.encode(value, saturate);
                if (format.isFinite(code)) {
                    assertThat(back).as("%s code %d", format, code).isEqualTo(code);
                } else if (Float.isNaN(value)) {
                    assertThat(format.decode(back)).isNaN();
                    assertThat(back & format.signBit()).isEqualTo(code & format.signBit());
                } else {
                    assertThat(format.decode(back)).isEqualTo(saturate ? Math.copySign(format.max(), value) : value);
                }
            }
        }
    }

    @ParameterizedTest
    @FieldSource("FORMATS")
    void everyHalfAndBrainFloatRoundsToTheNearest(FloatFormat format) {
        var oracle = new Oracle(format);
        for (FloatFormat source : List.of(FloatFormat.F16, FloatFormat.BF16)) {
            for (int i = 0; i < source.codes(); i++) {
                float x = source.decode(i);
                for (boolean saturate : new boolean[] {false, true}) {
                    int code = format.encode(x, saturate);
                    int expected =
                            Float.isNaN(x) ? format.nanCode((i & source.signBit()) != 0) : oracle.encode(x, saturate);
                    if (code != expected) {
                        assertThat(code)
                                .as("%s of %s, saturate %s", format, x, saturate)
                                .isEqualTo(expected);
                    }
                }
            }
        }
    }

    /** Values halfway between two codes, and their float32 neighbours, where an error of rounding would show. */
    @ParameterizedTest
    @FieldSource("FORMATS")
    void tiesAndTheirNeighboursRoundToTheNearest(FloatFormat format) {
        var oracle = new Oracle(format);
        for (int code = 0; code <= format.maxCode(); code++) {
            float here = format.decode(code);
            float tie = (float) ((here + (double) format.decode(Math.min(code + 1, format.maxCode()))) / 2);
            for (float x : new float[] {Math.nextDown(tie), tie, Math.nextUp(tie), -Math.nextUp(tie), -tie}) {
                assertThat(format.encode(x, true)).as("%s of %s", format, x).isEqualTo(oracle.encode(x, true));
            }
        }
    }

    @Test
    void halfPrecisionAgreesWithTheJdk() {
        for (int i = 0; i < 1 << 16; i++) {
            float x = FloatFormat.BF16.decode(i) * 1.2345f;
            if (!Float.isNaN(x)) {
                assertThat((short) FloatFormat.F16.encode(x, false)).isEqualTo(Float.floatToFloat16(x));
            }
            float jdk = Float.float16ToFloat((short) i);
            float ours = FloatFormat.F16.decode(i);
            assertThat(ours == jdk || (Float.isNaN(ours) && Float.isNaN(jdk))).isTrue();
        }
    }

    @Test
    void limitsAreThoseOfTheFormats() {
        assertThat(FORMATS.stream().map(FloatFormat::max))
                .containsExactly(448f, 57344f, 240f, 57344f, 7.5f, 28f, 6f, 65504f, 0x1.fep127f);
        assertThat(FORMATS.stream().map(FloatFormat::emax)).containsExactly(8, 15, 7, 15, 2, 4, 2, 15, 127);
        assertThat(FORMATS.stream().map(FloatFormat::bits)).containsExactly(8, 8, 8, 8, 6, 6, 4, 16, 16);
    }

    @Test
    void storedTypesHaveTheirFormats() {
        assertThat(FloatFormat.of(DType.F4)).contains(FloatFormat.E2M1);
        assertThat(FloatFormat.of(DType.F8_E4M3)).contains(FloatFormat.E4M3FN);
        assertThat(FloatFormat.of(DType.F8_E8M0)).isEmpty();
        assertThat(FloatFormat.of(DType.Q4_K)).isEmpty();
    }

    @Test
    void refusesWidthsItCannotCompute() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FloatFormat("E9M3", 9, 3, 255, FloatFormat.Specials.IEEE));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new FloatFormat("E4M11", 4, 11, 7, FloatFormat.Specials.IEEE));
    }
}
