package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.stream.IntStream;

/** Compares a device's steps with float64's: all sequences, some of them, cleared ones, and states read and set between. */
final class LayerConformance {
    private static final int STEPS = 8;

    private LayerConformance() {}

    static void check(Device device, LayerCase c, Optional<KernelStyle> style) {
        var samples = new Samples(11);
        LayerCase.Weights w = c.weights(samples);
        var oracle = new LayerOracle(c, w);
        try (Arena arena = Arena.ofShared();
                LayerPlan plan = c.layer(w, arena).prepare(device, c.sequences(), style)) {
            MemorySegment state = room(arena, oracle.state.length);
            MemorySegment conv = room(arena, oracle.conv.length);
            for (int step = 0; step < STEPS; step++) {
                String what = device.id() + " " + style + " step " + step + " of " + c;
                int[] sequences = sequences(c, step);
                if (step == 6) {
                    plan.clear(c.sequences() - 1);
                    oracle.clear(c.sequences() - 1);
                }
                LayerCase.Inputs x = c.inputs(samples, sequences.length);
                MemorySegment o = room(arena, (long) sequences.length * c.valueHeads() * c.valueDim());
                plan.step(x.segments(arena), sequences, o);
                assertClose("o of " + what, oracle.step(x, sequences), o, GatedDeltaLayer.TOLERANCE);
                if (step == 2 || step == 6 || step == STEPS - 1) {
                    plan.save(state, conv, c.sequences());
                    assertClose("state of " + what, oracle.state, state, GatedDeltaLayer.TOLERANCE);
                    assertClose("inputs of " + what, oracle.conv, conv, 1e-12);
                }
                if (step == 2) {
                    // Others than the plan has.
                    scale(0.5, oracle.state, state);
                    scale(-1, oracle.conv, conv);
                    plan.load(state, conv, c.sequences());
                }
            }
        }
    }

    private static void scale(double factor, double[] x, MemorySegment y) {
        for (int i = 0; i < x.length; i++) {
            x[i] *= factor;
            y.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (factor * y.getAtIndex(ValueLayout.JAVA_FLOAT, i)));
        }
    }

    /** All of them, or in every fourth step all but the first, backwards. */
    private static int[] sequences(LayerCase c, int step) {
        int n = c.sequences();
        return step % 4 == 3 && n > 1
                ? IntStream.range(0, n - 1).map(i -> n - 1 - i).toArray()
                : IntStream.range(0, n).toArray();
    }
}
