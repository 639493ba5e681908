package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.attention.Operand.Range;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Gates are looked through before anything runs, whether a rule is asked or the step itself. */
class GatesTest {
    private static final DeltaSizes SIZES = DeltaSizes.of(3, 1, 1, 1, 4, 2, HeadMap.INTERLEAVED);
    private static final Sequences THREE = new Sequences(0, 3);
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), new JvmDevice());

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    /** Just past what is looked through at once, among others. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 16_383, 16_384, 40_000})
    void everyElementIsLookedAt(int at) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment gate = filled(arena, 40_001, -1e30f);
            for (float bad : new float[] {Float.NaN, -Float.NaN, Float.POSITIVE_INFINITY}) {
                RuleCall.set(gate, at, bad);
                for (Range range : List.of(Range.FINITE, Range.LOGARITHM)) {
                    assertThatThrownBy(() -> Gates.require("here", "g", range, gate))
                            .isInstanceOf(InputException.class)
                            .hasMessageContainingAll("here", "g", "is " + bad + " at element " + at);
                }
            }
            RuleCall.set(gate, at, Float.NEGATIVE_INFINITY);
            assertThatThrownBy(() -> Gates.require("here", "g", Range.FINITE, gate))
                    .hasMessageContaining("is -Infinity at element " + at);
            assertThatCode(() -> Gates.require("here", "g", Range.LOGARITHM, gate))
                    .doesNotThrowAnyException();
            RuleCall.set(gate, at, Float.MAX_VALUE);
            assertThatCode(() -> Gates.require("here", "g", Range.FINITE, gate)).doesNotThrowAnyException();
        }
    }

    @Test
    void stepsRefuseThem() {
        var delta = new DeltaStep(Decay.CHANNEL, Erase.WRITE_KEY, true, Read.AFTER, Normalize.NONE, 1);
        var dplr = new DplrStep(true, false, 1);
        var logLinear = new LogLinear(3, false, 1);
        for (Device device : DEVICES) {
            try (Arena arena = Arena.ofShared()) {
                MemorySegment rows = filled(arena, 12, 0.5f);
                MemorySegment values = filled(arena, 6, 0.5f);
                MemorySegment line = filled(arena, 3, -0.5f);
                MemorySegment bad = filled(arena, 12, -0.5f);
                RuleCall.set(bad, 7, Float.NaN);
                MemorySegment badLine = filled(arena, 3, -0.5f);
                RuleCall.set(badLine, 1, Float.POSITIVE_INFINITY);
                MemorySegment badScales = filled(arena, 9, 1);
                RuleCall.set(badScales, 8, Float.NaN);
                var none = MemorySegment.NULL;
                refuses(
                        delta.prepare(device, SIZES, new Form.Recurrent()),
                        List.of(
                                new DeltaOperands(rows, rows, none, values, line, bad),
                                new DeltaOperands(rows, rows, none, values, badLine, rows)),
                        arena);
                refuses(
                        dplr.prepare(device, SIZES, new Form.Recurrent()),
                        List.of(
                                new DplrOperands(rows, rows, values, rows, rows, bad),
                                new DplrOperands(rows, rows, values, bad, rows, rows),
                                new DplrOperands(rows, rows, values, rows, bad, rows)),
                        arena);
                try (LogLinearPlan plan = logLinear.prepare(device, SIZES, new Form.Recurrent())) {
                    for (LogLinearOperands call : List.of(
                            new LogLinearOperands(rows, rows, values, badLine, filled(arena, 9, 1)),
                            new LogLinearOperands(rows, rows, values, line, badScales))) {
                        assertThatThrownBy(() -> plan.run(call, THREE, filled(arena, 6, 7)))
                                .isInstanceOf(InputException.class)
                                .hasMessageContaining("mend the gates");
                    }
                    assertThat(plan.position(0)).isZero();
                }
                try (var back = delta.prepareBackward(device, SIZES)) {
                    assertThatThrownBy(() -> back.run(
                                    new DeltaOperands(rows, rows, none, values, line, bad),
                                    THREE,
                                    none,
                                    values,
                                    none,
                                    new DeltaGradients(none, none, none, none, none, none, none)))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("is NaN at element 7");
                }
                try (var back = dplr.prepareBackward(device, SIZES)) {
                    assertThatThrownBy(() -> back.run(
                                    new DplrOperands(rows, rows, values, rows, rows, bad),
                                    THREE,
                                    none,
                                    values,
                                    none,
                                    new DplrGradients(none, none, none, none, none, none, none)))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("is NaN at element 7");
                }
            }
        }
    }

    /** And leave o and the state as they were. */
    private static <X> void refuses(StatePlan<X> plan, List<X> calls, Arena arena) {
        try (plan) {
            var seen = new ArrayList<String>();
            MemorySegment o = filled(arena, 6, 7);
            for (X call : calls) {
                assertThatThrownBy(() -> plan.run(call, THREE, o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("mend the gates")
                        .satisfies(e -> seen.add(e.getMessage()));
            }
            assertThat(seen).doesNotHaveDuplicates();
            for (int i = 0; i < 6; i++) {
                assertThat(RuleCall.at(o, i)).isEqualTo(7);
            }
        }
    }

    private static MemorySegment filled(Arena arena, int count, float value) {
        MemorySegment x = arena.allocate((long) count * Float.BYTES, 64);
        for (int i = 0; i < count; i++) {
            RuleCall.set(x, i, value);
        }
        return x;
    }
}
