package dev.gust.benchmarks;

import dev.gust.runtime.jvm.JvmDevice;
import java.util.Arrays;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.function.LongSupplier;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** How fast threads multiply and add with nothing to load or store. */
final class PeakFlops {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int STEPS = 1 << 20;
    private static final int ROUNDS = 31;

    /** The compiler needs a second or so; before, half of the rate was measured. */
    private static final int WARM_UP_ROUNDS = 1000;

    private static final int SUMS = 8;

    private PeakFlops() {}

    /**
     * The median rate of all threads together, in floating-point operations a second.
     *
     * @param clock tells nanoseconds
     */
    static double measure(JvmDevice device, int threads, LongSupplier clock) {
        double[] rates = new double[ROUNDS];
        var sink = new DoubleAdder();
        for (int i = -WARM_UP_ROUNDS; i < ROUNDS; i++) {
            long start = clock.getAsLong();
            device.forRows(threads, 1, threads, (first, end) -> {
                for (long t = first; t < end; t++) {
                    sink.add(chains(STEPS, 0.5f));
                }
            });
            double taken = (clock.getAsLong() - start) / 1e9;
            if (i >= 0) {
                rates[i] = 2.0 * SUMS * F.length() * STEPS * threads / taken;
            }
        }
        if (Double.isNaN(sink.sum())) {
            throw new IllegalStateException("the sums are not numbers");
        }
        Arrays.sort(rates);
        return rates[ROUNDS / 2];
    }

    private static float chains(int steps, float factor) {
        FloatVector f = FloatVector.broadcast(F, factor);
        FloatVector a = f;
        FloatVector b = f;
        FloatVector c = f;
        FloatVector d = f;
        FloatVector p = f;
        FloatVector q = f;
        FloatVector r = f;
        FloatVector s = f;
        for (int i = 0; i < steps; i++) {
            a = a.fma(f, f);
            b = b.fma(f, f);
            c = c.fma(f, f);
            d = d.fma(f, f);
            p = p.fma(f, f);
            q = q.fma(f, f);
            r = r.fma(f, f);
            s = s.fma(f, f);
        }
        FloatVector sum = a.add(b).add(c.add(d)).add(p.add(q).add(r.add(s)));
        return sum.reduceLanes(VectorOperators.ADD);
    }
}
