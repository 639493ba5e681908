package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;
import static dev.gust.runtime.layer.jvm.Lanes.LITTLE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Loops of the causal convolution over channels; sums lie in an array that is a whole number of vectors long. */
public final class ConvLoops {
    private ConvLoops() {}

    /** sums += x ∘ w. */
    public static void tap(MemorySegment x, long at, float[] w, int wAt, float[] sums, int length) {
        int whole = F.loopBound(length);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector value = FloatVector.fromMemorySegment(F, x, at + 4L * i, LITTLE);
            value.fma(FloatVector.fromArray(F, w, wAt + i), FloatVector.fromArray(F, sums, i))
                    .intoArray(sums, i);
        }
        for (int i = whole; i < length; i++) {
            sums[i] += Lanes.at(x, at + 4L * i) * w[wAt + i];
        }
    }

    /**
     * Four taps at once, of four rows one behind the other: what layers have, once a sequence is that long.
     *
     * @param at where the first row's channels lie, in bytes
     * @param pitch bytes from row to row, and floats from tap to tap times 4
     */
    public static void fourTaps(MemorySegment x, long at, long pitch, float[] w, int wAt, float[] sums, int length) {
        int whole = F.loopBound(length);
        int tap = (int) (pitch / 4);
        for (int i = 0; i < whole; i += LANES) {
            long from = at + 4L * i;
            FloatVector sum = FloatVector.fromArray(F, sums, i);
            sum = FloatVector.fromMemorySegment(F, x, from, LITTLE).fma(FloatVector.fromArray(F, w, wAt + i), sum);
            sum = FloatVector.fromMemorySegment(F, x, from + pitch, LITTLE)
                    .fma(FloatVector.fromArray(F, w, wAt + tap + i), sum);
            sum = FloatVector.fromMemorySegment(F, x, from + 2 * pitch, LITTLE)
                    .fma(FloatVector.fromArray(F, w, wAt + 2 * tap + i), sum);
            sum = FloatVector.fromMemorySegment(F, x, from + 3 * pitch, LITTLE)
                    .fma(FloatVector.fromArray(F, w, wAt + 3 * tap + i), sum);
            sum.intoArray(sums, i);
        }
        for (int i = whole; i < length; i++) {
            for (int j = 0; j < 4; j++) {
                sums[i] += Lanes.at(x, at + j * pitch + 4L * i) * w[wAt + j * tap + i];
            }
        }
    }
}
