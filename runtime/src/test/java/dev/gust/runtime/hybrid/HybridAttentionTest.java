package dev.gust.runtime.hybrid;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every rule on every device of the JVM against float64, and what is refused. */
class HybridAttentionTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        SCALAR.close();
        JVM.close();
        EMULATOR.close();
    }

    @ParameterizedTest
    @EnumSource
    void scalarAgreesWithFloat64(HybridRule rule) {
        check(SCALAR, rule, 9);
    }

    @ParameterizedTest
    @EnumSource
    void jvmAgreesWithFloat64(HybridRule rule) {
        check(JVM, rule, 9);
    }

    /** The emulator checks every access and takes its time. */
    @ParameterizedTest
    @EnumSource
    void tunedKernelsAgreeWithFloat64(HybridRule rule) {
        check(EMULATOR, rule, 1);
    }

    private static void check(Device device, HybridRule rule, int most) {
        for (HybridCase sample : HybridSamples.of(rule).stream().limit(most).toList()) {
            assertThat(sample.error(device))
                    .as("%s %s", sample.attention(), sample.shapes())
                    .isLessThan(1e-5);
        }
    }

    @ParameterizedTest
    @EnumSource
    void nothingMissingOrNotFiniteIsTaken(HybridRule rule) {
        HybridCase sample = HybridSamples.of(rule).getFirst();
        for (String name : rule.tensorNames()) {
            var fewer = new HashMap<>(sample.shapes());
            fewer.remove(name);
            var without = new HybridCase(sample.attention(), fewer, sample.tensors(), sample.sequences());
            assertThatThrownBy(() -> without.prepare(SCALAR))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining(name);
        }
        try (HybridPlan plan = sample.prepare(SCALAR)) {
            for (String name : rule.tensorNames()) {
                if (rule.weightNames().contains(name)) {
                    continue;
                }
                MemorySegment bad = Values.allocate(sample.tensor(name).byteSize() / Float.BYTES);
                bad.setAtIndex(ValueLayout.JAVA_FLOAT, 2, Float.NaN);
                var tensors = new HashMap<>(sample.tensors());
                tensors.put(name, bad);
                MemorySegment o =
                        Values.filled(sample.attention().output(sample.shapes()).elements(), 7);
                assertThatThrownBy(() -> plan.run(tensors, sample.sequences(), o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'" + name + "'")
                        .hasMessageContaining("NaN at element 2");
                tensors.put(name, bad.asSlice(4));
                assertThatThrownBy(() -> plan.run(tensors, sample.sequences(), o))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'" + name + "'");
                assertThat(o.toArray(ValueLayout.JAVA_FLOAT)).containsOnly(7);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void tensorsThatDoNotFitTogetherAreRefused(HybridRule rule) {
        HybridCase sample = HybridSamples.of(rule).getFirst();
        for (String name : sample.shapes().keySet()) {
            if (name.equals("q") || name.equals("x")) {
                continue; // The others are measured by it.
            }
            long[] dims = sample.shapes().get(name).dims();
            dims[0] += 1;
            HybridCase wrong = sample.with(name, 1, dims);
            if (List.of("bank", "w_dec", "position").contains(name)) {
                continue; // Any number of slots, columns and places will do.
            }
            assertThatThrownBy(() -> wrong.prepare(SCALAR))
                    .as("%s", name)
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining(name);
        }
    }

    @Test
    void unknownRulesAndAttributesAreRefused() {
        assertThatThrownBy(() -> HybridRule.byLabel("dance"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("lolcats");
        assertThatThrownBy(() -> new HybridAttention(HybridRule.MOM, Map.of("window", "3")))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("top, shared");
        for (String top : new String[] {"0", "4", "1.5", "x"}) {
            HybridCase sample = HybridSamples.of(HybridRule.MOM).getFirst();
            var wrong = new HybridCase(
                    sample.attention().withAttribute("top", top),
                    sample.shapes(),
                    sample.tensors(),
                    sample.sequences());
            assertThatThrownBy(() -> wrong.prepare(SCALAR))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining(top);
        }
    }

    @Test
    void aClosedPlanSaysSo() {
        HybridCase sample = HybridSamples.of(HybridRule.LIGER).getFirst();
        HybridPlan plan = sample.prepare(SCALAR);
        plan.close();
        assertThatThrownBy(() -> sample.run(plan)).isInstanceOf(IllegalStateException.class);
    }
}
