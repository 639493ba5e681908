package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.jvm.JvmDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The delta step on the jvm device where its blocks, panels and vectors do not come out even. */
class JvmDeltaTest {
    private static final JvmDevice JVM = new JvmDevice();
    private static final List<Form> FORMS =
            List.of(Form.RECURRENT, new Form.Chunked(1), new Form.Chunked(5), new Form.Chunked(64));

    @AfterAll
    static void close() {
        JVM.close();
    }

    /** Sizes around those of vectors and panels, up to the largest heads in use. */
    static List<DeltaConformance.Case> heads() {
        int[][] sizes = {{1, 1}, {1, 40}, {33, 1}, {5, 31}, {16, 32}, {17, 33}, {64, 64}, {3, 256}, {8, 512}, {256, 16}
        };
        var cases = new ArrayList<DeltaConformance.Case>();
        for (int[] size : sizes) {
            var head = DeltaSizes.of(24, 1, 1, 1, size[0], size[1], HeadMap.INTERLEAVED);
            for (Decay decay : List.of(Decay.TOKEN, Decay.CHANNEL)) {
                for (Erase erase : List.of(Erase.NONE, Erase.WRITE_KEY)) {
                    var step = new DeltaStep(decay, erase, true, Read.AFTER, Normalize.EACH, 0.5f);
                    cases.add(new DeltaConformance.Case(step, head, new Sequences(0, 21), -1));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("heads")
    void headsOfAllSizes(DeltaConformance.Case c) {
        DeltaConformance.check(JVM, c, Form.RECURRENT, Optional.empty());
        DeltaConformance.check(JVM, c, new Form.Chunked(64), Optional.empty());
    }

    /** All parts that a step may have, over sequences that end with a block, just before and just behind one. */
    static List<DeltaConformance.Case> parts() {
        var sizes = DeltaSizes.of(150, 7, 1, 2, 19, 21, HeadMap.INTERLEAVED);
        var sequences = new Sequences(0, 16, 31, 48, 80, 111, 111, 144);
        var cases = new ArrayList<DeltaConformance.Case>();
        for (Decay decay : Decay.values()) {
            for (Erase erase : Erase.values()) {
                for (boolean before : new boolean[] {false, true}) {
                    boolean erases = erase != Erase.NONE;
                    var step = new DeltaStep(
                            decay, erase, erases, before ? Read.BEFORE : Read.AFTER, Normalize.each(erases), 0.5f);
                    cases.add(new DeltaConformance.Case(step, sizes, sequences, -0.3));
                    cases.add(new DeltaConformance.Case(step, sizes, sequences, -10_600));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("parts")
    void blocksOfAllLengths(DeltaConformance.Case c) {
        FORMS.forEach(form -> DeltaConformance.check(JVM, c, form, Optional.empty()));
    }

    static List<DeltaStep> forgetful() {
        return parts().stream()
                .map(DeltaConformance.Case::step)
                .filter(step -> step.decay() != Decay.NONE && !step.readsBefore())
                .distinct()
                .toList();
    }

    /** A decay to nothing, told by the least of logarithms, is one: no NaN comes of it. */
    @ParameterizedTest
    @MethodSource("forgetful")
    void infiniteGatesForgetTheState(DeltaStep step) {
        var sizes = DeltaSizes.of(20, 1, 1, 1, 6, 5, HeadMap.INTERLEAVED);
        for (Form form : FORMS) {
            List<float[]> results = new ArrayList<>();
            for (float state : new float[] {0, 3}) {
                results.add(ones(step, sizes, form, Float.NEGATIVE_INFINITY, 1, state));
            }
            assertThat(results.get(0)).containsExactly(results.get(1), offset(0f));
        }
    }

    /** With beta 2 and the same key again and again, each step mirrors the state: it neither grows nor shrinks. */
    @Test
    void repeatedKeysWithBetaTwoStayBounded() {
        var step = new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 1);
        var sizes = DeltaSizes.of(1000, 1, 1, 1, 16, 16, HeadMap.INTERLEAVED);
        float[] recurrent = ones(step, sizes, Form.RECURRENT, 0, 2, 1);
        float[] chunked = ones(step, sizes, new Form.Chunked(64), 0, 2, 1);
        for (int i = 0; i < recurrent.length; i++) {
            assertThat(chunked[i]).isCloseTo(recurrent[i], offset(1e-3f));
            assertThat(recurrent[i]).isBetween(-5f, 5f);
        }
    }

    /** All of q, k, e and v are one, the state is {@code state} everywhere. */
    private static float[] ones(DeltaStep step, DeltaSizes sizes, Form form, float gate, float beta, float state) {
        int tokens = sizes.tokens();
        try (Arena arena = Arena.ofConfined();
                StatePlan<DeltaOperands> plan = step.prepare(JVM, sizes, form)) {
            var operands = new DeltaOperands(
                    filled(arena, sizes.queryElements(tokens), 1),
                    filled(arena, sizes.keyElements(tokens), 1),
                    filled(arena, sizes.eraseElements(step, tokens), 1),
                    filled(arena, sizes.valueElements(tokens), 1),
                    filled(arena, step.beta() ? sizes.betaElements(tokens) : 0, beta),
                    filled(arena, sizes.decayElements(step.decay(), tokens), gate));
            MemorySegment o = filled(arena, sizes.valueElements(tokens), Float.NaN);
            plan.loadStates(filled(arena, sizes.stateElements(1), state));
            plan.run(operands, Sequences.of(1, tokens), o);
            return o.toArray(ValueLayout.JAVA_FLOAT);
        }
    }

    private static MemorySegment filled(Arena arena, long count, float value) {
        if (count == 0) {
            return DeltaOperands.NOTHING;
        }
        MemorySegment x = arena.allocate(count * Float.BYTES, 64);
        for (long i = 0; i < count; i++) {
            x.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
        return x;
    }

    @Test
    void statesThatNoArrayHoldsAreRefused() {
        var step = new DeltaStep(Decay.NONE, Erase.NONE, false, Read.AFTER, Normalize.NONE, 1);
        var sizes = DeltaSizes.of(1, 1, 1, 1, 1 << 16, 1 << 16, HeadMap.INTERLEAVED);
        assertThatThrownBy(() -> step.prepare(JVM, sizes, Form.RECURRENT))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("65536 x 65536");
    }
}
