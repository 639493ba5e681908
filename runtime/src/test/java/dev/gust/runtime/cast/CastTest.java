package dev.gust.runtime.cast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class CastTest {
    static List<DType> types() {
        return CastConformance.TYPES;
    }

    @ParameterizedTest
    @MethodSource("types")
    void kernelsEncodeAsTheFormatsSay(DType dtype) {
        try (var device = new ScalarDevice()) {
            for (boolean saturate : new boolean[] {true, false}) {
                CastConformance.checkEncode(device, dtype, saturate, Rounding.EVEN);
                CastConformance.checkEncode(device, dtype, saturate, new Rounding.Stochastic(11));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("types")
    void kernelsDecodeAsTheFormatsSay(DType dtype) {
        try (var device = new ScalarDevice()) {
            CastConformance.checkDecode(device, dtype);
        }
    }

    @Test
    void sizesAndTypesAreChecked() {
        assertThatThrownBy(() -> Cast.encode(DType.I32))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("F8_E4M3");
        try (var device = new ScalarDevice();
                Arena arena = Arena.ofConfined();
                CastPlan plan = Cast.encode(DType.F8_E4M3).prepare(device)) {
            MemorySegment four = arena.allocate(4);
            assertThatThrownBy(() -> plan.run(four, 2, four)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> plan.run(four, -1, four)).isInstanceOf(IllegalArgumentException.class);
            assertThat(plan.run(four.asSlice(0, 0), 0, four.asSlice(0, 0)).kernel())
                    .isZero();
            plan.close();
            assertThatThrownBy(() -> plan.run(four, 1, four.asSlice(0, 1))).isInstanceOf(IllegalStateException.class);
        }
    }
}
