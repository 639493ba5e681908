package dev.gust.runtime.layer;

import static dev.gust.runtime.layer.Samples.assertClose;
import static dev.gust.runtime.layer.Samples.room;
import static dev.gust.runtime.layer.Samples.segment;

import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Compares a device's embeddings, activations and poolings with those in float64. */
final class TokenConformance {
    private TokenConformance() {}

    static void embed(Device device, int width, int[] tableRows, Optional<KernelStyle> style) {
        var samples = new Samples(5);
        var random = new SplittableRandom(6);
        int most = 9;
        try (Arena arena = Arena.ofShared()) {
            List<float[]> tables = new ArrayList<>();
            List<MemorySegment> segments = new ArrayList<>();
            for (int rows : tableRows) {
                tables.add(samples.gaussian((long) rows * width, 1));
                segments.add(segment(arena, tables.getLast()));
            }
            try (EmbeddingPlan plan = new Embedding(width, segments).prepare(device, most, style)) {
                for (int rows : new int[] {most, 1}) {
                    int[] ids = new int[rows * tableRows.length];
                    double[] expected = new double[rows * width];
                    for (int i = 0; i < ids.length; i++) {
                        int table = i % tableRows.length;
                        // The last row of each, too.
                        ids[i] = i < tableRows.length ? tableRows[table] - 1 : random.nextInt(tableRows[table]);
                        for (int d = 0; d < width; d++) {
                            expected[i / tableRows.length * width + d] += tables.get(table)[ids[i] * width + d];
                        }
                    }
                    MemorySegment y = room(arena, expected.length);
                    plan.run(ids, rows, y);
                    assertClose(device.id() + " " + rows + " rows of " + width, expected, y, Embedding.TOLERANCE);
                }
            }
        }
    }

    static void activate(Device device, Activation.Kind kind, int length, boolean biased, Optional<KernelStyle> style) {
        var samples = new Samples(7);
        int most = 5;
        try (Arena arena = Arena.ofShared();
                ActivationPlan plan = new Activation(kind, length).prepare(device, most, style)) {
            for (double deviation : new double[] {3, 1e-3, 1e4}) {
                int rows = deviation == 3 ? most : 2;
                float[] x = samples.gaussian((long) rows * length, deviation);
                float[] b = samples.gaussian(biased ? length : 0, deviation);
                double[] expected = new double[x.length];
                for (int i = 0; i < x.length; i++) {
                    // What is added is float32, as everywhere.
                    expected[i] = of(biased ? x[i] + b[i % length] : x[i], kind);
                }
                MemorySegment y = room(arena, x.length);
                plan.run(segment(arena, x), segment(arena, b), rows, y);
                assertClose(device.id() + " " + kind + " of " + deviation, expected, y, Activation.TOLERANCE);
            }
        }
    }

    static double of(double x, Activation.Kind kind) {
        return switch (kind) {
            case NONE -> x;
            case GELU -> x * normal(x);
            case GELU_TANH -> 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
            case RELU -> Math.max(x, 0);
            case SILU -> x * Samples.sigmoid(x);
        };
    }

    /** Φ(x): its series near zero, a continued fraction for the tail. */
    static double normal(double x) {
        double a = Math.abs(x);
        double density = Math.exp(-a * a / 2) / Math.sqrt(2 * Math.PI);
        double tail;
        if (a < 3) {
            double term = a;
            double sum = a;
            for (int n = 1; n < 100; n++) {
                term *= a * a / (2 * n + 1);
                sum += term;
            }
            tail = 0.5 - density * sum;
        } else {
            double fraction = a;
            for (int n = 200; n >= 1; n--) {
                fraction = a + n / fraction;
            }
            tail = density / fraction;
        }
        return x < 0 ? tail : 1 - tail;
    }

    static void pool(Device device, Pooling.Kind kind, int length, Optional<KernelStyle> style) {
        var samples = new Samples(8);
        try (Arena arena = Arena.ofShared();
                PoolingPlan plan = new Pooling(kind, length).prepare(device, 40, 6, style)) {
            for (Sequences sequences : List.of(
                    new Sequences(0, 3, 3, 20, 21, 40), new Sequences(0, 1), new Sequences(0, 0), new Sequences(0))) {
                float[] x = samples.gaussian((long) sequences.tokens() * length, 2);
                double[] expected = new double[sequences.count() * length];
                for (int n = 0; n < sequences.count(); n++) {
                    int first = sequences.first(n);
                    int end = kind == Pooling.Kind.FIRST ? Math.min(first + 1, sequences.end(n)) : sequences.end(n);
                    for (int t = first; t < end; t++) {
                        for (int d = 0; d < length; d++) {
                            expected[n * length + d] += x[t * length + d] / (double) (end - first);
                        }
                    }
                }
                MemorySegment y = room(arena, expected.length);
                plan.run(segment(arena, x), sequences, y);
                assertClose(device.id() + " " + kind + " of " + sequences, expected, y, Pooling.TOLERANCE);
            }
        }
    }
}
