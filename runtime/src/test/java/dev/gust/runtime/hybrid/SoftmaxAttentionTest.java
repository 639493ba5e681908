package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Every mask on every device of the JVM, over shapes, and what is refused. */
class SoftmaxAttentionTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);
    private static final List<Device> DEVICES = List.of(SCALAR, JVM, EMULATOR);

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    private static Device device(String name) {
        return DEVICES.stream()
                .filter(d -> d.id().toString().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** Grouped heads, odd widths, sequences of one token, none, and more than a tile. */
    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void agreesWithFloat64(String name) {
        for (KeyMask mask : SoftmaxCase.MASKS) {
            check(name, SoftmaxCase.of(mask, 1, 1, 8, 8, 0, 1));
            check(name, SoftmaxCase.of(mask, 4, 2, 12, 7, 0, 3, 3, 20, 37));
            if (!name.equals("emulator")) { // It checks every access and takes its time.
                check(name, SoftmaxCase.of(mask, 3, 1, 64, 68, 0, 197));
                check(name, SoftmaxCase.of(mask, 2, 2, 130, 33, 0, 64, 128, 130));
            }
        }
        check(name, SoftmaxCase.of(KeyMask.CAUSAL, 2, 1, 33, 65, 0, 35));
    }

    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void weightsHeadMapsAndScalesCount(String name) {
        SoftmaxCase grouped = SoftmaxCase.of(KeyMask.CAUSAL, 6, 2, 12, 9, 0, 20, 37);
        check(name, grouped.with(grouped.attention().withHeadMap(HeadMap.TILED)));
        check(name, grouped.with(grouped.attention().withScale(-2.5)));
        check(name, grouped.with(grouped.attention().withWeights(SoftmaxAttention.Weights.RELU)));
    }

    private static void check(String name, SoftmaxCase sample) {
        assertThat(sample.error(device(name), 11, 1)).as("%s", sample).isLessThan(SoftmaxAttention.TOLERANCE);
    }

    /** Scores of some thousands, of both signs: only differences from the greatest may be exponentiated. */
    @ParameterizedTest
    @ValueSource(strings = {"scalar", "jvm", "emulator"})
    void holdsWithLargeScores(String name) {
        assertThat(SoftmaxCase.of(KeyMask.CAUSAL, 2, 1, 16, 8, 0, 37).error(device(name), 5, 40))
                .isLessThan(1e-3); // A score of 6,000 is known to 2^-11, and so is its weight.
    }

    @Test
    void aPlanServesFewerTokensThanItIsFor() {
        for (Device device : DEVICES) {
            SoftmaxCase large = SoftmaxCase.of(KeyMask.NONE, 2, 1, 8, 8, 0, 40);
            try (SoftmaxPlan plan = large.attention().prepare(device, large.sizes(), 0)) {
                for (int tokens : new int[] {40, 17, 0}) {
                    SoftmaxCase small = new SoftmaxCase(large.attention(), large.sizes(), Sequences.of(1, tokens));
                    assertThat(small.error(plan, tokens, 1)).isLessThan(SoftmaxAttention.TOLERANCE);
                }
            }
        }
    }

    /** Beyond what tiles in local memory hold. */
    @Test
    void headsThatAreTooWideForTilesGoThroughThePortableKernel() {
        SoftmaxCase wide = SoftmaxCase.of(KeyMask.CAUSAL, 1, 1, 1024, 1000, 0, 5);
        assertThat(wide.with(wide.attention().withKernels(KernelStyle.TUNED)).error(EMULATOR, 3, 0.3))
                .isLessThan(SoftmaxAttention.TOLERANCE);
    }

    @Test
    void reluWeighsNothingWhereNoScoreIsPositive() {
        for (Device device : DEVICES) {
            var attention = SoftmaxAttention.of(KeyMask.CAUSAL).withWeights(SoftmaxAttention.Weights.RELU);
            try (SoftmaxPlan plan = attention.prepare(device, AttendSizes.of(5, 1, 1, 2, 3), 0)) {
                MemorySegment o = Values.filled(15, 7);
                plan.run(Values.filled(10, 1), Values.filled(10, -1), Values.filled(15, 1), Sequences.of(1, 5), o);
                assertThat(o.toArray(ValueLayout.JAVA_FLOAT))
                        .as("%s", device.id())
                        .containsOnly(0);
            }
        }
    }

    @Test
    void whatDoesNotFitIsRefusedBeforeAnythingRuns() {
        assertThatThrownBy(() -> AttendSizes.of(5, 3, 2, 8, 8))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("3 heads of q for 2");
        assertThatThrownBy(() -> AttendSizes.of(5, 3, 3, 1025, 8)).isInstanceOf(InputException.class);
        assertThatThrownBy(() -> new KeyMask(true, 3, 3)).isInstanceOf(UsageException.class);
        assertThatThrownBy(() -> new KeyMask(true, -1, 0)).isInstanceOf(UsageException.class);
        for (Device device : DEVICES) {
            SoftmaxPlan plan = SoftmaxAttention.of(KeyMask.CAUSAL).prepare(device, AttendSizes.of(5, 1, 1, 2, 2), 0);
            MemorySegment good = Values.gaussian(10, 1, 1);
            MemorySegment o = Values.filled(10, 7);
            MemorySegment bad = Values.gaussian(10, 1, 1);
            bad.setAtIndex(ValueLayout.JAVA_FLOAT, 3, Float.NaN);
            Sequences five = Sequences.of(1, 5);
            assertThatThrownBy(() -> plan.run(good, bad, good, five, o))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("k")
                    .hasMessageContaining("NaN at element 3");
            assertThatThrownBy(() -> plan.run(good, good, good.asSlice(8), five, o))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> plan.run(good, good, good, Sequences.of(1, 6), o))
                    .isInstanceOf(IllegalArgumentException.class);
            assertThat(o.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(7);
            plan.close();
            assertThatThrownBy(() -> plan.run(good, good, good, five, o)).isInstanceOf(IllegalStateException.class);
        }
    }

    /** flash-linear-attention's issues 1080 and 1082: offsets past an int. */
    @Test
    void arraysPastAnIntAreRefusedByKernels() {
        assertThatThrownBy(() ->
                        SoftmaxAttention.of(KeyMask.CAUSAL).prepare(SCALAR, AttendSizes.of(1 << 24, 2, 2, 64, 64), 0))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("jvm");
    }
}
