package dev.gust.benchmarks;

import dev.gust.quantization.vq.Vectors;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.logits.HeadOptions;
import dev.gust.runtime.logits.LogitsHead;
import dev.gust.runtime.logits.Screen;
import dev.gust.runtime.logits.VqHead;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;

/**
 * Queries for a matrix, and the rows of greatest product with each. Queries are rows with Gaussian noise on every coordinate,
 * its deviation a multiple of that of the matrix's elements: an artificial law, not that of a model's hidden states.
 *
 * @param noise that multiple
 * @param h [M, D]
 * @param exact [M, MOST], by descending product
 */
@SuppressWarnings("ArrayRecordComponent") // measured with, never compared
record NoisyQueries(double noise, float[] h, int[] exact) {
    /** The largest k of which recall is measured. */
    static final int MOST = 128;

    static NoisyQueries of(JvmDevice device, Vectors x, double noise, int count, long seed) {
        var random = new SplittableRandom(seed);
        double deviation = noise * deviation(x);
        float[] h = new float[count * x.length()];
        for (int i = 0; i < count; i++) {
            long row = random.nextInt(x.count());
            for (int d = 0; d < x.length(); d++) {
                float value = x.data().getAtIndex(ValueLayout.JAVA_FLOAT, row * x.length() + d);
                h[i * x.length() + d] = (float) (value + deviation * random.nextGaussian());
            }
        }
        VqHead dense = VqHead.of(x.count(), x.length(), x.data(), new Screen.None());
        try (LogitsHead head = LogitsHead.of(device, dense, HeadOptions.DEFAULT)) {
            return new NoisyQueries(noise, h, head.top(h, MOST).ids());
        }
    }

    private static double deviation(Vectors x) {
        double sum = 0;
        double squares = 0;
        long elements = (long) x.count() * x.length();
        for (long i = 0; i < elements; i++) {
            double value = x.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            sum += value;
            squares += value * value;
        }
        return Math.sqrt(squares / elements - Math.pow(sum / elements, 2));
    }

    int count() {
        return exact.length / MOST;
    }

    /**
     * The part of the exact top k that is among the first k of what was found, over all queries. At 1 it is the part of the queries whose
     * exact best row the screen let through, since what is multiplied exactly is in the right order.
     */
    double recall(int[] found, int width, int k) {
        long hits = 0;
        for (int query = 0; query < count(); query++) {
            for (int i = 0; i < k; i++) {
                for (int j = 0; j < k; j++) {
                    hits += exact[query * MOST + i] == found[query * width + j] ? 1 : 0;
                }
            }
        }
        return (double) hits / ((long) count() * k);
    }
}
