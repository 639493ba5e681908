package dev.gust.formats.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Collections;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShapeJsonTest {
    @Test
    void whatIsWrittenIsRead() {
        for (long[] dims : new long[][] {{}, {0}, {7}, {2, 3}, {1, 0, 5}, {Long.MAX_VALUE, 1}, new long[300]}) {
            assertThat(ShapeJson.read(ShapeJson.write(dims))).isEqualTo(dims);
        }
    }

    @Test
    void otherWritersUseSpaces() {
        assertThat(ShapeJson.read(" [ 2 , 3 ] ")).containsExactly(2, 3);
        assertThat(ShapeJson.readExtension("{ \"shape\" : [2, 3], \"dim_names\" : [\"a\", \"b\"] }"))
                .containsExactly(2, 3);
        assertThat(ShapeJson.readExtension("{\"shape\":[],\"permutation\":null}"))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[",
                "]",
                "[,]",
                "[1,]",
                "[-1]",
                "[1.5]",
                "[\"1\"]",
                "[null]",
                "[[1]]",
                "{}",
                "null",
                "1",
                "[1",
                "[9223372036854775808]",
                "[1e400000000]",
                "[1]]x",
                "[\u0661]"
            })
    void anythingElseIsRefused(String json) {
        assertThatIllegalArgumentException().isThrownBy(() -> ShapeJson.read(json));
    }

    @Test
    void lengthAndDepthAreNoTrouble() {
        String deep = "[".repeat(1_000_000);
        assertThatIllegalArgumentException().isThrownBy(() -> ShapeJson.read(deep));
        String digits = "[" + "9".repeat(1_000_000) + "]";
        assertThatIllegalArgumentException().isThrownBy(() -> ShapeJson.read(digits));
        String many = "[" + String.join(",", Collections.nCopies(1_000_000, "1")) + "]";
        assertThat(ShapeJson.read(many)).hasSize(1_000_000);
    }
}
