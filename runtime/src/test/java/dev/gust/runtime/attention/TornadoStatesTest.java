package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.scalar.ScalarDevice;
import dev.gust.runtime.tornado.TornadoDevices;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** States that are loaded into a plan that has run on TornadoVM's first device: some, all, and without a run in between. */
@Tag("device")
class TornadoStatesTest {
    /** States of more than one piece of what is transferred at a time. */
    private static final DeltaSizes SIZES = DeltaSizes.of(2, 2, 2, 2, 640, 480, HeadMap.INTERLEAVED);

    @Test
    void statesAreReplacedInAPlanThatHasRun() {
        assumeThat(TornadoDevices.list()).isNotEmpty();
        try (Device scalar = new ScalarDevice();
                Device device =
                        TornadoDevices.open(TornadoDevices.list().getFirst().id(), DeviceOptions.defaults())) {
            List<float[]> expected = run(scalar);
            List<float[]> found = run(device);
            assertThat(found).hasSameSizeAs(expected);
            for (int i = 0; i < found.size(); i++) {
                ErrorRatio.assertClose(
                        "result " + i,
                        DeltaBackwardConformance.doubles(expected.get(i)),
                        DeltaBackwardConformance.doubles(found.get(i)),
                        1e-5);
            }
        }
    }

    private static List<float[]> run(Device device) {
        var step = new DeltaStep(Decay.TOKEN, Erase.WRITE_KEY, true, Read.AFTER, Normalize.EACH, 1);
        var random = new SplittableRandom(5);
        List<float[]> results = new ArrayList<>();
        try (Arena arena = Arena.ofShared();
                StatePlan<DeltaOperands> plan = step.prepare(device, SIZES, Form.RECURRENT)) {
            var call = new Call(arena, plan, random, results);
            call.load(1);
            call.run();
            call.load(2);
            call.save();
            call.run();
            call.load(1);
            plan.clearState(1);
            call.load(1);
            call.run();
            call.save();
            plan.clearState(0);
            call.run();
            call.save();
            // What was put there for two sequences, not for one and what the device held for the other.
            call.load(2);
            call.load(2);
            call.run();
            call.save();
        }
        return results;
    }

    private record Call(Arena arena, StatePlan<DeltaOperands> plan, SplittableRandom random, List<float[]> results) {
        void run() {
            MemorySegment o = arena.allocate(SIZES.valueElements(2) * 4, 64);
            MemorySegment k = normal(SIZES.keyElements(2));
            MemorySegment beta = normal(SIZES.betaElements(2));
            plan.run(
                    new DeltaOperands(k, k, DeltaOperands.NOTHING, normal(SIZES.valueElements(2)), beta, beta),
                    new Sequences(0, 1, 2),
                    o);
            results.add(o.toArray(ValueLayout.JAVA_FLOAT));
        }

        void load(int n) {
            plan.loadStates(normal(SIZES.stateElements(n)));
        }

        void save() {
            MemorySegment states = arena.allocate(SIZES.stateElements(2) * 4, 64);
            plan.saveStates(states);
            results.add(states.toArray(ValueLayout.JAVA_FLOAT));
        }

        /** From −1 to 0. */
        private MemorySegment normal(long count) {
            MemorySegment x = arena.allocate(count * 4, 64);
            for (long i = 0; i < count; i++) {
                x.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextDouble() - 1));
            }
            return x;
        }
    }
}
