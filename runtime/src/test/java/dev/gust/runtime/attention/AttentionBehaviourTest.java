package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What holds for every rule, whatever its numbers, where that takes no time; {@link EmulatorBehaviourTest} and
 * {@link TornadoBehaviourTest} have the same by fewer plans. {@link OracleStateTest} and {@link OracleEqualitiesTest} say it of
 * the oracles, and {@link InterchangeTest} has states with V first.
 */
class AttentionBehaviourTest {
    private static final JvmDevice JVM = new JvmDevice();
    private static final List<Device> DEVICES = List.of(new ScalarDevice(), JVM);
    private static final List<Form> FORMS = List.of(Form.RECURRENT, new Form.Chunked(16));

    @AfterAll
    static void close() {
        DEVICES.forEach(Device::close);
    }

    static List<GridRow> rows() {
        return BehaviourCases.rows(BehaviourCases.SMALL);
    }

    private static void each(GridRow row, int room, Consumer<BehaviourPlan> check) {
        AttentionCase call = BehaviourCases.draw(row, 4);
        for (Device device : DEVICES) {
            for (Form form : FORMS) {
                try (var plan = new BehaviourPlan(device, Optional.empty(), call, form, room)) {
                    check.accept(plan);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void chunksOfAnyLengthGiveWhatStepsGive(GridRow row) {
        AttentionCase call = BehaviourCases.draw(row, 3);
        for (Device device : DEVICES) {
            Map<String, double[]> steps = SplitConformance.whole(device, call, Form.RECURRENT);
            for (int length : new int[] {16, 32, 64}) {
                SplitConformance.compare(
                        steps,
                        SplitConformance.whole(device, call, new Form.Chunked(length)),
                        row + " in chunks of " + length + " on " + device.id());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("rows")
    void stepsAndChunksGiveWhatTheOracleGives(GridRow row) {
        each(row, 1, plan -> plan.agreesWithTheOracle(plan.whole()));
        each(row, 4, BehaviourPlan::takesSequencesOfAnyLength);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void aRowInSeveralCallsIsTheRow(GridRow row) {
        each(row, 1, plan -> plan.goesOn(plan.whole()));
    }

    @ParameterizedTest
    @MethodSource("rows")
    void whatHasNoTokensKeepsItsState(GridRow row) {
        each(row, 4, BehaviourPlan::whatHasNoTokensKeepsItsState);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void callsSeeNothingBehindTheirTokens(GridRow row) {
        each(row, 1, BehaviourPlan::seesNothingBehindItsTokens);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void gatesOfZeroDecayNothing(GridRow row) {
        each(row, 1, BehaviourPlan::gatesOfZeroDecayNothing);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void gatesOfMinusInfinityForget(GridRow row) {
        each(row, 1, BehaviourPlan::gatesOfMinusInfinityForget);
    }

    @ParameterizedTest
    @MethodSource("rows")
    void largeGatesStayFinite(GridRow row) {
        each(row, 1, BehaviourPlan::largeGatesStayFinite);
    }

    @ParameterizedTest
    @EnumSource
    void isTheSpecialCaseThatItIsOnPaper(SpecialCase special) {
        for (Device device : DEVICES) {
            FORMS.forEach(form -> special.check(device, Optional.empty(), form));
        }
    }

    @Test
    void simpleGlaIsMamba2() {
        for (Device device : DEVICES) {
            FORMS.forEach(form -> Mamba2Conformance.check(device, Optional.empty(), form));
        }
    }

    /** Results above come from confined memory, which only its own thread may read. */
    @Test
    void memoryOfOneThreadIsNotSharedOut() {
        try (Arena confined = Arena.ofConfined();
                Arena shared = Arena.ofShared()) {
            MemorySegment open = shared.allocate(4);
            assertThat(JVM.threadsFor(open, confined.allocate(4))).isEqualTo(1);
            assertThat(JVM.threadsFor(open, MemorySegment.NULL)).isEqualTo(JVM.threads(0));
        }
    }
}
