package dev.gust.runtime.logits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Rows that a head's file says are multiplied exactly by every search. */
class AlwaysExactTest {
    private static final int V = 70;

    /** A screen that says nothing: all scores are 0, so that the first rows are what it lets through. */
    private static VqHead head(Integer... always) {
        float[] weight = new float[2 * V];
        for (int row = 0; row < V; row++) {
            weight[2 * row] = row;
        }
        var screen = new Screen.LowRank(1, MemorySegment.ofArray(new float[V]), MemorySegment.ofArray(new float[2]));
        return new VqHead(
                "head",
                V,
                2,
                DType.F32,
                MemorySegment.ofArray(weight),
                Optional.empty(),
                screen,
                new HeadMetadata(HeadMethod.LOWRANK, 4, 0, List.of(always)));
    }

    @Test
    void theyAreFoundWhateverTheScreenSays() {
        for (Device device : List.of(new ScalarDevice(), new JvmDevice(), new EmulatorDevice(2))) {
            try (device;
                    LogitsHead none = LogitsHead.of(device, head(), HeadOptions.DEFAULT);
                    LogitsHead some =
                            LogitsHead.of(device, head(V - 1, 50), HeadOptions.DEFAULT.withSpecial(List.of(50, 60)))) {
                assertThat(none.top(new float[] {1, 0}, 2).ids()).containsExactly(3, 2);
                assertThat(some.top(new float[] {1, 0}, 4).ids()).containsExactly(V - 1, 60, 50, 3);
            }
        }
        assertThat(IntStream.of(new HeadCall(head(5), HeadOptions.DEFAULT.with(HeadOptions.Search.EXACT)).special()))
                .isEmpty();
    }

    @Test
    void theyHaveToBeRows() {
        assertThatThrownBy(() -> head(V)).isInstanceOf(InputException.class).hasMessageContainingAll("row 70", "head");
    }
}
