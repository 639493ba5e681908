package dev.gust.runtime.codebook;

import static dev.gust.runtime.codebook.AssignConformance.floats;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention over a codebook, and layers of hashed tables. */
class CodebookOperatorsTest {
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<CodebookAttention> attentions() {
        return CodebookConformance.attentions();
    }

    @ParameterizedTest
    @MethodSource("attentions")
    void attendsAsInFloat64(CodebookAttention attention) {
        DEVICES.forEach(d -> CodebookConformance.check(d, attention));
    }

    static List<MemoryLayer> layers() {
        return CodebookConformance.layers();
    }

    @ParameterizedTest
    @MethodSource("layers")
    void looksUpAsInFloat64(MemoryLayer layer) {
        for (int rows : new int[] {0, 1, 9}) {
            DEVICES.forEach(d -> CodebookConformance.check(d, layer, rows));
        }
    }

    @Test
    void badSizesAndNumbersAreNamed() {
        assertThatThrownBy(() -> new CodebookAttention(1, 1, 0, 1, 1, 1, 0, true, 1))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new CodebookAttention(1, 1, 1, 1, 1, 1, 0, true, 0))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new CodebookAttention(1, 1, 1, 1, 1, 1, -1, true, 1))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new CodebookAttention(1 << 10, 1 << 10, 1 << 10, 8, 1, 1, 0, true, 1))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new CodebookAttention(1, 8, 4, 8, 1, 1, Integer.MAX_VALUE, true, 1))
                .isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new MemoryLayer(1, 17, 1, true, 1)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new MemoryLayer(1, 0, 1, true, 1)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new MemoryLayer(1, 1, 1, true, 0)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new MemoryLayer(1 << 10, 16, 1 << 10, true, 1)).isInstanceOf(UsageException.class);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment one = floats(arena, 1);
                MemorySegment nan = floats(arena, Float.NaN);
                MemorySegment none = MemorySegment.NULL;
                var attention = new CodebookAttention(1, 1, 1, 1, 1, 1, 0, true, 1);
                CodebookAttentionPlan attend = attention.prepare(device, 1);
                try (attend) {
                    assertThatThrownBy(() -> attend.run(inputs(one, nan, one, none), one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'k'");
                    assertThatThrownBy(() -> attend.run(inputs(one, one, none, none), one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'v'");
                    assertThatThrownBy(() -> attend.run(inputs(one, one, one, one), one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'bias'");
                }
                assertThatThrownBy(() -> attend.run(inputs(one, one, one, none), one))
                        .isInstanceOf(IllegalStateException.class);
                var layer = new MemoryLayer(1, 1, 1, true, 1);
                assertThatThrownBy(() -> layer.prepare(device, one, 1, 1))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'tables'");
                MemoryLayerPlan lookUp = layer.prepare(device, floats(arena, 1, 2), 1, 1);
                try (lookUp) {
                    assertThatThrownBy(() -> lookUp.run(nan, 1, one))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("'x'");
                    assertThatThrownBy(() -> lookUp.run(floats(arena, 1, 2), 2, floats(arena, 1, 2)))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("2 rows");
                }
                assertThatThrownBy(() -> lookUp.run(one, 1, one)).isInstanceOf(IllegalStateException.class);
            }
        }
    }

    private static CodebookAttentionPlan.Inputs inputs(
            MemorySegment q, MemorySegment k, MemorySegment v, MemorySegment bias) {
        return new CodebookAttentionPlan.Inputs(q, k, v, q, bias);
    }
}
