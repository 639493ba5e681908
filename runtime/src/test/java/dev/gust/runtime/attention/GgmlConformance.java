package dev.gust.runtime.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.attention.interchange.GgmlGatedDeltaNet;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;

/** Calls of ggml's GATED_DELTA_NET, whose states have their values first, on a device. */
final class GgmlConformance {
    private static final int SEQUENCES = 2;
    private static final int TOKENS = 13;
    private static final int SIZE = 6;

    private GgmlConformance() {}

    /**
     * A call with unit keys.
     *
     * @param channels whether each channel of a key decays by itself
     */
    static GgmlCall draw(Random random, int heads, int valueHeads, boolean channels) {
        int tokens = SEQUENCES * TOKENS;
        float[] k = floats(random, tokens * heads * SIZE, 1);
        CaseChanges.normalise(k, SIZE);
        return new GgmlCall(
                SEQUENCES,
                TOKENS,
                heads,
                valueHeads,
                SIZE,
                floats(random, tokens * heads * SIZE, 1),
                k,
                floats(random, tokens * valueHeads * SIZE, 1),
                negative(random, tokens * valueHeads * (channels ? SIZE : 1)),
                floats(random, tokens * valueHeads, 0.5f),
                floats(random, SEQUENCES * valueHeads * SIZE * SIZE, 1));
    }

    /** Holds ggml's buffer, outputs and states, to its definition in float64. */
    static void check(Device device, GgmlCall call) {
        check(device, call, 1);
    }

    /** The same with states behind so many of the last tokens. */
    static void check(Device device, GgmlCall call, int snapshots) {
        try (Arena arena = Arena.ofShared()) {
            var inputs = new GgmlGatedDeltaNet.Inputs(
                    segment(arena, call.q()),
                    segment(arena, call.k()),
                    segment(arena, call.v()),
                    segment(arena, call.g()),
                    segment(arena, call.beta()),
                    segment(arena, call.state()));
            double[] expected = call.run(snapshots);
            MemorySegment buffer = arena.allocate((long) expected.length * Float.BYTES, 64);
            buffer.fill((byte) -1);
            new GgmlGatedDeltaNet(call.heads(), call.valueHeads(), call.size(), snapshots)
                    .run(device, call.seqs(), call.tokens(), inputs, buffer);
            int written = call.v().length + Math.min(snapshots, call.tokens()) * call.state().length;
            close(device, Arrays.copyOf(expected, written), buffer.asSlice(0, 4L * written));
            for (float left : buffer.asSlice(4L * written).toArray(ValueLayout.JAVA_FLOAT)) {
                assertThat(left)
                        .as("behind the last snapshot on %s", device.id())
                        .isNaN();
            }
        }
    }

    /** As far apart as one order of sums may be from another. */
    static void close(Device device, double[] expected, MemorySegment actual) {
        assertThat(ErrorRatio.of(expected, actual.toArray(ValueLayout.JAVA_FLOAT)))
                .as("on %s", device.id())
                .isLessThan(1e-5);
    }

    static MemorySegment segment(Arena arena, float[] x) {
        return arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    }

    static float[] floats(Random random, int count, float factor) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian() * factor;
        }
        return values;
    }

    static float[] negative(Random random, int count) {
        return CaseChanges.map(floats(random, count, 1), x -> -Math.abs(x));
    }
}
