package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.scalar.ScalarDevice;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Gradients of the delta step: those in float64 against finite differences, those of devices against those in float64. */
class DeltaBackwardTest {
    private static final ScalarDevice SCALAR = new ScalarDevice();
    private static final JvmDevice JVM = new JvmDevice();
    private static final EmulatorDevice EMULATOR = new EmulatorDevice(2);

    @AfterAll
    static void close() {
        List.<Device>of(SCALAR, JVM, EMULATOR).forEach(Device::close);
    }

    /** Every kind of step, with heads that share keys and an empty sequence; few numbers. */
    static List<DeltaConformance.Case> small() {
        var cases = new ArrayList<DeltaConformance.Case>();
        DeltaSizes grouped = new DeltaSizes(12, 4, 1, 2, 4, 4, 5, 3, HeadMap.INTERLEAVED);
        DeltaSizes tiled = new DeltaSizes(9, 2, 2, 2, 1, 4, 3, 4, HeadMap.TILED);
        for (Decay decay : Decay.values()) {
            for (Erase erase : Erase.values()) {
                for (boolean before : new boolean[] {false, true}) {
                    boolean erases = erase != Erase.NONE;
                    cases.add(new DeltaConformance.Case(
                            new DeltaStep(
                                    decay,
                                    erase,
                                    erases,
                                    before ? Read.BEFORE : Read.AFTER,
                                    Normalize.each(erases),
                                    0.5f),
                            grouped,
                            new Sequences(0, 3, 3, 11),
                            -1));
                    cases.add(new DeltaConformance.Case(
                            new DeltaStep(
                                    decay,
                                    erase,
                                    true,
                                    before ? Read.BEFORE : Read.AFTER,
                                    Normalize.each(!erases),
                                    0.7f),
                            tiled,
                            new Sequences(0, 8, 9),
                            -170));
                }
            }
        }
        for (DeltaStep step : DeltaConformance.sharedLengths(0.6f)) {
            boolean writes = step.normalize() == Normalize.BY_ERASE_KEY;
            cases.add(new DeltaConformance.Case(
                    step,
                    new DeltaSizes(12, 4, 1, writes ? 4 : 2, writes ? 2 : 4, 4, 5, 3, HeadMap.INTERLEAVED),
                    new Sequences(0, 3, 3, 11),
                    -1));
            cases.add(new DeltaConformance.Case(
                    step,
                    new DeltaSizes(9, 2, 2, writes ? 4 : 2, writes ? 2 : 4, 4, 3, 4, HeadMap.TILED),
                    new Sequences(0, 8, 9),
                    -1));
        }
        return cases;
    }

    static List<DeltaConformance.Case> all() {
        var all = new ArrayList<>(small());
        all.addAll(DeltaConformance.cases());
        return all;
    }

    @ParameterizedTest
    @MethodSource("small")
    void float64AgreesWithFiniteDifferences(DeltaConformance.Case c) {
        DeltaValues x = DeltaValues.draw(c, 5);
        Map<String, double[]> gradients = DeltaAdjoint.of(x);
        for (String name : x.names()) {
            ErrorRatio.assertClose(
                    "d" + name + " of " + c,
                    x.differences(name, 1e-5),
                    gradients.getOrDefault(name, new double[0]),
                    1e-7);
        }
    }

    /** Where a decay of exp(−170) leaves a gradient of 1e-17, sums leave the rounding of their terms. */
    static List<DeltaConformance.Case> summed() {
        return small().stream()
                .filter(c -> c.step().decay() != Decay.NONE && c.gates() > -100)
                .toList();
    }

    @ParameterizedTest
    @MethodSource("summed")
    void decaysHaveTheSameGradientAsSums(DeltaConformance.Case c) {
        for (Device device : List.of(SCALAR, JVM, EMULATOR)) {
            DeltaBackwardConformance.check(device, DeltaValues.draw(c, 9), DecayGradient.SUMS);
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void scalar(DeltaConformance.Case c) {
        DeltaBackwardConformance.check(SCALAR, DeltaValues.draw(c, 6));
    }

    @ParameterizedTest
    @MethodSource("all")
    void jvm(DeltaConformance.Case c) {
        DeltaBackwardConformance.check(JVM, DeltaValues.draw(c, 7));
    }

    @ParameterizedTest
    @MethodSource("all")
    void emulator(DeltaConformance.Case c) {
        DeltaBackwardConformance.check(EMULATOR, DeltaValues.draw(c, 8));
    }
}
