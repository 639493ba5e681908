package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls of more tokens than arrays have room for. */
class DeltaSliceTest {
    private static final DeltaSizes SIZES = DeltaSizes.of(40, 4, 1, 2, 6, 5, HeadMap.INTERLEAVED);
    private static final Sequences SEQUENCES = new Sequences(0, 3, 3, 30, 40);

    @ParameterizedTest
    @EnumSource(Decay.class)
    void slicesGiveWhatTheWholeGives(Decay decay) {
        var step = new DeltaStep(decay, Erase.OWN_KEY, true, Read.AFTER, Normalize.EACH, 1);
        float[] whole = run(step, 1L << 20);
        for (int tokens : new int[] {1, 7, 39}) {
            assertThat(run(step, 2L * 128 * tokens)).as("slices of %d", tokens).containsExactly(whole);
        }
    }

    @ParameterizedTest
    @EnumSource(KernelStyle.class)
    void statesThatNoArrayHoldsAreRefused(KernelStyle style) {
        DeltaSizes sizes = DeltaSizes.of(1, 5000, 32, 32, 128, 128, HeadMap.INTERLEAVED);
        var step = new DeltaStep(Decay.NONE, Erase.NONE, false, Read.AFTER, Normalize.NONE, 1);
        try (var device = new ScalarDevice()) {
            assertThatThrownBy(() -> new KernelDelta(device, step, sizes, Form.RECURRENT, style))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("5000 sequences");
        }
    }

    /** Outputs and states of two calls. */
    private static float[] run(DeltaStep step, long elements) {
        var random = new SplittableRandom(5);
        try (Arena arena = Arena.ofShared();
                var device = new ScalarDevice();
                var plan = new KernelDelta(device, step, SIZES, Form.RECURRENT, KernelStyle.PORTABLE, elements)) {
            var operands = new DeltaOperands(
                    values(arena, random, SIZES.queryElements(40), -1),
                    values(arena, random, SIZES.keyElements(40), -1),
                    values(arena, random, SIZES.eraseElements(step, 40), -1),
                    values(arena, random, SIZES.valueElements(40), -1),
                    values(arena, random, SIZES.betaElements(40), 0),
                    values(arena, random, SIZES.decayElements(step.decay(), 40), -1));
            long values = SIZES.valueElements(40) * Float.BYTES;
            long states = SIZES.stateElements(4) * Float.BYTES;
            MemorySegment results = arena.allocate(2 * values + states, 64);
            plan.run(operands, SEQUENCES, results.asSlice(0, values));
            plan.run(operands, SEQUENCES, results.asSlice(values, values));
            plan.saveStates(results.asSlice(2 * values));
            return results.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static MemorySegment values(Arena arena, SplittableRandom random, long count, double from) {
        MemorySegment x = arena.allocate(count * Float.BYTES, 4);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (from + random.nextDouble()));
        }
        return count == 0 ? DeltaOperands.NOTHING : x;
    }
}
