package dev.gust.runtime.layer.jvm;

import static dev.gust.runtime.layer.jvm.Lanes.F;
import static dev.gust.runtime.layer.jvm.Lanes.LANES;
import static dev.gust.runtime.layer.jvm.Lanes.LITTLE;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/** Loops of norms over a row. */
public final class NormLoops {
    private NormLoops() {}

    /** Σ x². */
    public static float squares(MemorySegment x, long at, int length) {
        int whole = F.loopBound(length);
        FloatVector even = FloatVector.zero(F);
        FloatVector odd = even;
        int i = 0;
        for (; i < whole - LANES; i += 2 * LANES) {
            FloatVector a = FloatVector.fromMemorySegment(F, x, at + 4L * i, LITTLE);
            FloatVector b = FloatVector.fromMemorySegment(F, x, at + 4L * (i + LANES), LITTLE);
            even = a.fma(a, even);
            odd = b.fma(b, odd);
        }
        if (i < whole) {
            FloatVector a = FloatVector.fromMemorySegment(F, x, at + 4L * i, LITTLE);
            even = a.fma(a, even);
        }
        float sum = even.add(odd).reduceLanes(VectorOperators.ADD);
        for (i = whole; i < length; i++) {
            float value = Lanes.at(x, at + 4L * i);
            sum += value * value;
        }
        return sum;
    }

    /** y = x ∘ w · factor. */
    public static void scale(MemorySegment x, long at, float[] w, float factor, MemorySegment y, long to, int length) {
        int whole = F.loopBound(length);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector.fromMemorySegment(F, x, at + 4L * i, LITTLE)
                    .mul(factor)
                    .mul(FloatVector.fromArray(F, w, i))
                    .intoMemorySegment(y, to + 4L * i, LITTLE);
        }
        for (int i = whole; i < length; i++) {
            Lanes.set(y, to + 4L * i, Lanes.at(x, at + 4L * i) * factor * w[i]);
        }
    }

    /** y = y ∘ gate, which is an array that is a whole number of vectors long. */
    public static void gate(float[] gate, MemorySegment y, long to, int length) {
        int whole = F.loopBound(length);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector.fromMemorySegment(F, y, to + 4L * i, LITTLE)
                    .mul(FloatVector.fromArray(F, gate, i))
                    .intoMemorySegment(y, to + 4L * i, LITTLE);
        }
        for (int i = whole; i < length; i++) {
            Lanes.set(y, to + 4L * i, Lanes.at(y, to + 4L * i) * gate[i]);
        }
    }
}
