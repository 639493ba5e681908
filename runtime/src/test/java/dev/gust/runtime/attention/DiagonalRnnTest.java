package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What the grid does not ask of linear RNNs: going on, other weights, and inputs that do not fit. */
class DiagonalRnnTest {
    private static final CaseShape SHAPE = new CaseShape(1, 37, 3, 3, 6, 1, List.of());

    @Test
    void helperMatricesAreTheOraclesLegs() {
        assertThat(HippoLegs.matrix(9)).containsExactly(DiagonalOracles.legs(9));
        assertThat(HippoLegs.input(3)).containsExactly(1, (float) Math.sqrt(3), (float) Math.sqrt(5));
    }

    @Test
    void tokensInTwoCallsAreLikeOneCallWhateverWentBefore() {
        for (Device each : List.of(new ScalarDevice(), new JvmDevice())) {
            for (String rule : List.of("dlr", "lssl")) {
                for (Form form : List.of(Form.RECURRENT, new Form.Chunked(8))) {
                    AttentionCase other = CaseInputs.draw(rule, SHAPE, 9);
                    AttentionCase call = CaseInputs.draw(GridRow.of(rule, SHAPE).withoutInitialState(), 4);
                    try (Arena arena = Arena.ofConfined();
                            AttentionPlan plan =
                                    DiagonalRnn.of(rule).withForm(form).prepare(each, 37, 1, 3, 6)) {
                        MemorySegment y = arena.allocate(37 * 3 * 4);
                        plan.run(tensors(arena, other, 0, 37), Sequences.of(1, 37), y);
                        plan.clear(0);
                        plan.run(tensors(arena, call, 0, 21), Sequences.of(1, 21), y.asSlice(0, 21 * 12));
                        plan.run(tensors(arena, call, 21, 37), Sequences.of(1, 16), y.asSlice(21 * 12));
                        double[] got = new double[37 * 3];
                        for (int i = 0; i < got.length; i++) {
                            got[i] = y.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                        }
                        ErrorRatio.assertClose(
                                rule + " " + form, Oracle.run(call).o(), got, 1e-4);
                    }
                }
            }
            each.close();
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> DiagonalRnn.of("tango"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no rule 'tango'");
        try (Device device = new JvmDevice();
                Arena arena = Arena.ofShared()) {
            assertThatThrownBy(() -> DiagonalRnn.of("dlr").prepare(device, 10, 1, 1 << 20, 1 << 20))
                    .isInstanceOf(UsageException.class);
            assertThatThrownBy(() -> DiagonalRnn.of("lssl").prepare(device, 10, 1, 2, 257))
                    .isInstanceOf(UsageException.class)
                    .hasMessageContaining("256");
            assertThatThrownBy(() -> DiagonalRnn.of("hgrn").prepare(device, 10, 1, 2, 2))
                    .isInstanceOf(UsageException.class);
            MemorySegment y = arena.allocate(37 * 3 * 4);
            AttentionCase call = CaseInputs.draw("lssl", SHAPE, 4);
            try (AttentionPlan plan = DiagonalRnn.of("lssl").prepare(device, 37, 1, 3, 6)) {
                Map<String, MemorySegment> given = tensors(arena, call, 0, 37);
                var singular = new HashMap<>(given);
                float[] a = new float[36];
                float[] dt = {0.5f, 1, 0.25f};
                for (int n = 0; n < 6; n++) {
                    a[n * 7] = 2;
                }
                singular.put("a", arena.allocateFrom(ValueLayout.JAVA_FLOAT, a));
                singular.put("dt", arena.allocateFrom(ValueLayout.JAVA_FLOAT, dt));
                for (int i = 0; i < 2; i++) {
                    assertThatThrownBy(() -> plan.run(singular, Sequences.of(1, 37), y))
                            .isInstanceOf(InputException.class)
                            .hasMessageContaining("no inverse for channel 1");
                }
                var lacking = new HashMap<>(given);
                lacking.remove("c");
                assertThatThrownBy(() -> plan.run(lacking, Sequences.of(1, 37), y))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("'c': is missing");
                assertThatThrownBy(() -> plan.run(given, Sequences.of(1, 38), y))
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("larger plan");
                plan.run(given, Sequences.of(1, 37), y);
                assertThat(y.getAtIndex(ValueLayout.JAVA_FLOAT, 0)).isNotZero();
            }
        }
    }

    /** A case's tensors, with u of tokens {@code from} to {@code to} only. */
    private static Map<String, MemorySegment> tensors(Arena arena, AttentionCase call, int from, int to) {
        Map<String, MemorySegment> tensors = new HashMap<>();
        for (String name : DiagonalRnn.of(call.rule()).tensors()) {
            MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, call.tensor(name));
            tensors.put(name, name.equals("u") ? x.asSlice(from * 12L, (to - from) * 12L) : x);
        }
        return tensors;
    }
}
