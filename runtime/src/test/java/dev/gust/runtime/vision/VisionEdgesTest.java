package dev.gust.runtime.vision;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What holds of the rules whatever the input, extremes, and what is refused. */
class VisionEdgesTest {
    private static final List<Supplier<Device>> DEVICES =
            List.of(ScalarDevice::new, JvmDevice::new, EmulatorDevice::new);

    private static float[] run(Device device, VisionAttention attention, VisionInputs inputs) {
        MemorySegment o = VisionConformance.allocate(
                attention.shape().rows() * attention.shape().width());
        try (VisionPlan plan = attention.prepare(device, 0)) {
            plan.run(inputs, o);
        }
        return o.toArray(ValueLayout.JAVA_FLOAT);
    }

    private static MemorySegment filled(long count, float value) {
        MemorySegment segment = VisionConformance.allocate(count);
        for (long i = 0; i < count; i++) {
            segment.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return segment;
    }

    /** So that no query has relu features of nothing but zeros. */
    private static MemorySegment magnitudes(MemorySegment x) {
        float[] values = x.toArray(ValueLayout.JAVA_FLOAT);
        for (int i = 0; i < values.length; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, Math.abs(values[i]));
        }
        return x;
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "SOFT")
    void weightsOfARowSumToOneSoEqualValuesComeBack(VisionRule rule) {
        VisionAttention attention = VisionConformance.attention(rule, 1, 19, 1, 2, 4, false);
        VisionInputs random = VisionConformance.inputs(attention, 3, 1);
        // The last is far below float32's greatest number, but 19 of them times their keys are not.
        for (float value : new float[] {-3, 2e37f}) {
            var inputs = VisionInputs.of(magnitudes(random.q()), magnitudes(random.k()), filled(19 * 2, value));
            for (Supplier<Device> open : DEVICES) {
                try (Device device = open.get()) {
                    for (float o : run(device, attention, inputs)) {
                        assertThat(o / value).as("%s", device.id()).isCloseTo(1, within(2e-3f));
                    }
                }
            }
        }
    }

    @Test
    void aQueryOfZerosIsHarmlessToNalaformer() {
        VisionAttention attention = VisionConformance.attention(VisionRule.NALAFORMER, 1, 5, 1, 8, 4, false);
        VisionInputs random = VisionConformance.inputs(attention, 3, 1);
        var inputs = VisionInputs.of(filled(40, 0), random.k(), random.v());
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get()) {
                assertThat(run(device, attention, inputs)).as("%s", device.id()).containsOnly(0);
            }
        }
    }

    /** Tokens that repeat make landmarks alike, and their matrix as near to singular as the 0.01 lets it. */
    @Test
    void softHoldsWithRepeatedTokens() {
        VisionAttention attention = VisionConformance.attention(VisionRule.SOFT, 1, 24, 1, 8, 6, false);
        VisionInputs random = VisionConformance.inputs(attention, 3, 1);
        var inputs = VisionInputs.of(filled(24 * 8, 0.5f), random.k(), random.v());
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get();
                    VisionPlan plan = attention.prepare(device, 0)) {
                assertThat(VisionConformance.check(plan, attention, inputs))
                        .as("%s", device.id())
                        .isLessThan(VisionAttention.SOFT_TOLERANCE);
            }
        }
    }

    /** flash-linear-attention's issues 1080, 1082 and others: offsets past an int. Arrays are cut between batches instead. */
    @ParameterizedTest
    @EnumSource(names = {"RALA", "MALA", "SOFT", "LINA"})
    void batchesAreCutIntoArraysOfBoundedSize(VisionRule rule) {
        VisionAttention attention = VisionConformance.attention(rule, 5, 3, 2, 8, 3, true);
        VisionInputs inputs = VisionConformance.inputs(attention, 3, 1);
        for (KernelStyle style : KernelStyle.values()) {
            // Two batches to a part, so that the last one has one.
            try (var device = style == KernelStyle.TUNED ? new EmulatorDevice() : new ScalarDevice();
                    var plan = new KernelVision(device, attention, style, 2 * 3 * 2 * 8)) {
                assertThat(VisionConformance.check(plan, attention, inputs))
                        .as("%s", style)
                        .isLessThan(VisionAttention.tolerance(rule));
            }
        }
    }

    @Test
    void arraysPastAnIntAreRefusedByKernels() {
        VisionShape shape = VisionShape.of("test", Shape.of(1, 1 << 22, 2, 64), 49);
        try (var device = new ScalarDevice()) {
            assertThatThrownBy(() -> new VisionAttention(VisionRule.NALAFORMER, shape).prepare(device, 0))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("jvm");
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> VisionRule.byLabel("dance"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("elu1");
        assertThatThrownBy(() -> VisionShape.of("a file", Shape.of(2, 3, 4), 49))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("a file")
                .hasMessageContaining("[B, N, H, D]");
        assertThatThrownBy(() -> VisionShape.of("a file", Shape.of(2, 0, 4, 8), 49))
                .isInstanceOf(InputException.class);
        assertThatThrownBy(() -> VisionShape.of("a file", Shape.of(1, 3, 4, 8), 65))
                .isInstanceOf(UsageException.class);
        VisionShape shape = VisionShape.of("test", Shape.of(1, 3, 1, 7), 49);
        assertThatThrownBy(() -> new VisionAttention(VisionRule.ELU1, shape, true, false))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("rotary");
        assertThatThrownBy(() -> new VisionAttention(VisionRule.RALA, shape, true, false))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("even");
        assertThatThrownBy(() -> new VisionAttention(VisionRule.RALA, shape, false, true))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("gates");
    }

    @Test
    void numbersThatAreNoneAreRefusedBeforeAnythingRuns() {
        VisionAttention attention = VisionConformance.attention(VisionRule.ELU1, 1, 3, 1, 8, 4, false);
        VisionInputs inputs = VisionConformance.inputs(attention, 3, 1);
        inputs.v().setAtIndex(ValueLayout.JAVA_FLOAT, 5, Float.NEGATIVE_INFINITY);
        for (Supplier<Device> open : DEVICES) {
            try (Device device = open.get();
                    VisionPlan plan = attention.prepare(device, 0)) {
                MemorySegment o = filled(24, 7);
                assertThatThrownBy(() -> plan.run(inputs, o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("v")
                        .hasMessageContaining("-Infinity at element 5");
                assertThat(o.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(7);
                var short1 = VisionInputs.of(inputs.q().asSlice(4), inputs.k(), inputs.v());
                assertThatThrownBy(() -> plan.run(short1, o)).isInstanceOf(IllegalArgumentException.class);
                plan.close();
                assertThatThrownBy(() -> plan.run(inputs, o)).isInstanceOf(IllegalStateException.class);
            }
        }
    }

    @Test
    void noBatchesAreNothingToDo() {
        for (Supplier<Device> open : DEVICES) {
            VisionAttention attention = VisionConformance.attention(VisionRule.MALA, 0, 3, 1, 8, 4, false);
            try (Device device = open.get()) {
                assertThat(run(device, attention, VisionConformance.inputs(attention, 3, 1)))
                        .isEmpty();
            }
        }
    }
}
