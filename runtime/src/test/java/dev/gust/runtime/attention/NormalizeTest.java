package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Kernels divide q and k by their lengths; rules hand them on as they were given. */
class NormalizeTest {
    static List<RuleEntry> rules() {
        return RuleEntry.all();
    }

    @ParameterizedTest
    @MethodSource("rules")
    void vectorsReachTheKernelsAsTheyWereGiven(RuleEntry rule) {
        AttentionSizes sizes = AttentionSizes.of(3, 1, 1, 4, 4);
        var settings = new RuleSettings(Map.of(), sizes, 1, true, HeadMap.INTERLEAVED, Decay.NONE);
        var scratch = new Scratch(3);
        try (Arena arena = Arena.ofConfined();
                Device device = new ScalarDevice()) {
            Map<String, MemorySegment> tensors = new HashMap<>();
            for (Operand operand : rule.operands()) {
                MemorySegment x =
                        arena.allocate(operand.extent().elements(sizes, 3, rule.multiple(settings)) * Float.BYTES, 64);
                for (long i = 0; i < x.byteSize() / Float.BYTES; i++) {
                    RuleCall.set(x, i, -2 - i % 3);
                }
                tensors.put(operand.name(), x);
            }
            AttentionRule<?> made = rule.maker().make(settings, scratch);
            try (var _ = made.prepare(device, new Form.Recurrent(), Optional.empty())) {
                Object operands = made.operands(new RuleCall(tensors, new Sequences(0, 3)));
                List<MemorySegment> seen = switch (operands) {
                    case DeltaOperands x -> List.of(x.q(), x.k(), x.e());
                    case DplrOperands x -> List.of(x.q(), x.k());
                    case LogLinearOperands x -> List.of(x.q(), x.k());
                    default -> throw new AssertionError(operands);
                };
                // By what is in it: delta-product has rows of its own between those of q.
                assertThat(seen.getFirst().mismatch(tensors.get("q")))
                        .as("q of " + rule.name())
                        .isEqualTo(-1);
                // Lightnet's keys are made of all of a channel's k so far.
                if (tensors.containsKey("k") && !rule.name().equals("lightnet")) {
                    assertThat(seen).as("k of " + rule.name()).contains(tensors.get("k"));
                }
            }
        } finally {
            scratch.close();
        }
    }

    @Test
    void aBonusHasTheKeyBesideK() {
        assertThatThrownBy(() -> new DeltaStep(Decay.NONE, Erase.OWN_KEY, false, Read.BONUS, Normalize.NONE, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("one key beside k");
    }

    @ParameterizedTest
    @EnumSource(names = {"BY_WRITE_KEY", "BY_ERASE_KEY"})
    void lengthsAreSharedByTwoKeys(Normalize normalize) {
        for (Erase erase : List.of(Erase.NONE, Erase.WRITE_KEY)) {
            assertThatThrownBy(() -> new DeltaStep(Decay.NONE, erase, false, Read.AFTER, normalize, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("share a length");
        }
        assertThatCode(() -> new DeltaStep(Decay.NONE, Erase.OWN_KEY, false, Read.AFTER, normalize, 1))
                .doesNotThrowAnyException();
        assertThatCode(() -> new DeltaStep(Decay.NONE, Erase.NONE, false, Read.BONUS, normalize, 1))
                .doesNotThrowAnyException();
    }

    /** Each value head finds the length of the head that it uses; a key that was made for fewer heads has none. */
    @Test
    void aKeyThatWasMadeHasAHeadForEachValueHead() {
        var step = new DeltaStep(Decay.NONE, Erase.OWN_KEY, false, Read.AFTER, Normalize.BY_WRITE_KEY, 1);
        var few = new DeltaSizes(3, 1, 2, 2, 2, 4, 4, 4, HeadMap.INTERLEAVED);
        var enough = new DeltaSizes(3, 1, 2, 2, 4, 4, 4, 4, HeadMap.INTERLEAVED);
        try (Device device = new ScalarDevice()) {
            assertThatThrownBy(() -> step.prepare(device, few, new Form.Recurrent()))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("one head for each value head");
            assertThatThrownBy(() -> step.prepareBackward(device, few)).isInstanceOf(UsageException.class);
            step.prepare(device, enough, new Form.Recurrent()).close();
        }
    }
}
