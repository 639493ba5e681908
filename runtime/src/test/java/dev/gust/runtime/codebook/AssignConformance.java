package dev.gust.runtime.codebook;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Compares a device's nearest centroids with those found in float64. */
final class AssignConformance {
    private AssignConformance() {}

    /** One thing to compute. */
    record Case(int rows, int length, int codes) {}

    static List<Case> cases() {
        return List.of(
                new Case(0, 3, 2),
                new Case(1, 1, 1),
                new Case(5, 4, 33),
                new Case(67, 7, 16),
                new Case(130, 33, 65),
                new Case(64, 100, 130),
                new Case(3, 384, 40),
                new Case(301, 4, 256));
    }

    static void check(Device device, Case c, Optional<KernelStyle> style) {
        integers(device, c, style);
        gaussian(device, c, style);
    }

    /** Small integers, whose scores are exact in float32: every tie is one, and the ids have to be the least of equals. */
    private static void integers(Device device, Case c, Optional<KernelStyle> style) {
        var random = new SplittableRandom(5);
        float[] x = new float[c.rows() * c.length()];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextInt(-2, 3);
        }
        float[] centroids = new float[c.codes() * c.length()];
        for (int i = 0; i < centroids.length; i++) {
            centroids[i] = random.nextInt(-2, 3);
        }
        // Equal centroids, far apart in the table and within one vector.
        System.arraycopy(centroids, 0, centroids, (c.codes() - 1) * c.length(), c.length());
        System.arraycopy(centroids, 0, centroids, c.codes() / 2 * c.length(), c.length());
        try (Arena arena = Arena.ofShared();
                AssignPlan plan =
                        new KmeansAssign(c.rows(), c.length(), c.codes()).prepare(device, floats(arena, x), 2, style)) {
            MemorySegment ids = arena.allocate(4L * c.rows() + 4).asSlice(0, 4L * c.rows());
            MemorySegment distances = arena.allocate(4L * c.rows() + 4).asSlice(0, 4L * c.rows());
            plan.assign(0, c.rows(), floats(arena, centroids), c.codes(), ids, distances);
            for (int row = 0; row < c.rows(); row++) {
                int expected = nearest(x, row, centroids, c);
                assertThat(ids.getAtIndex(ValueLayout.JAVA_INT, row))
                        .as("%s row %d of %s", device.id(), row, c)
                        .isEqualTo(expected);
                assertThat((double) distances.getAtIndex(ValueLayout.JAVA_FLOAT, row))
                        .isEqualTo(distance(x, row, centroids, expected, c.length()));
            }
        }
    }

    /** Numbers of any kind, half of the rows and half of the centroids of the plan in a second call. */
    private static void gaussian(Device device, Case c, Optional<KernelStyle> style) {
        var random = new SplittableRandom(6);
        float[] x = new float[c.rows() * c.length()];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        float[] centroids = new float[c.codes() * c.length()];
        for (int i = 0; i < centroids.length; i++) {
            centroids[i] = (float) random.nextGaussian();
        }
        try (Arena arena = Arena.ofShared();
                AssignPlan plan =
                        new KmeansAssign(c.rows(), c.length(), c.codes()).prepare(device, floats(arena, x), 0, style)) {
            for (int part = 1; part <= 2; part++) {
                int first = c.rows() - c.rows() / part;
                int rows = c.rows() / part;
                int codes = Math.ceilDiv(c.codes(), part);
                MemorySegment ids = arena.allocate(4L * rows + 4).asSlice(0, 4L * rows);
                MemorySegment distances = arena.allocate(4L * rows + 4).asSlice(0, 4L * rows);
                plan.assign(
                        first,
                        rows,
                        floats(arena, centroids).asSlice(0, 4L * codes * c.length()),
                        codes,
                        ids,
                        distances);
                double errors = 0;
                double squares = 0;
                for (int row = 0; row < rows; row++) {
                    var part2 = new Case(c.rows(), c.length(), codes);
                    double least =
                            distance(x, first + row, centroids, nearest(x, first + row, centroids, part2), c.length());
                    int id = ids.getAtIndex(ValueLayout.JAVA_INT, row);
                    assertThat(id).isBetween(0, codes - 1);
                    // What it chose is as near as float32 can tell.
                    assertThat(distance(x, first + row, centroids, id, c.length()))
                            .isLessThanOrEqualTo(least + 1e-5 * (least + c.length()));
                    double got = distances.getAtIndex(ValueLayout.JAVA_FLOAT, row);
                    errors += Math.pow(got - least, 2);
                    squares += least * least;
                }
                assertThat(Math.sqrt(errors / (squares + 1e-30)))
                        .as("%s %s", device.id(), c)
                        .isLessThan(KmeansAssign.TOLERANCE);
            }
        }
    }

    static MemorySegment floats(Arena arena, float... x) {
        MemorySegment segment = arena.allocate(4L * x.length + 4, 64).asSlice(0, 4L * x.length);
        MemorySegment.copy(x, 0, segment, ValueLayout.JAVA_FLOAT, 0, x.length);
        return segment;
    }

    private static int nearest(float[] x, int row, float[] centroids, Case c) {
        int best = 0;
        for (int code = 1; code < c.codes(); code++) {
            if (distance(x, row, centroids, code, c.length()) < distance(x, row, centroids, best, c.length())) {
                best = code;
            }
        }
        return best;
    }

    private static double distance(float[] x, int row, float[] centroids, int code, int length) {
        double sum = 0;
        for (int d = 0; d < length; d++) {
            double difference = (double) x[row * length + d] - centroids[code * length + d];
            sum += difference * difference;
        }
        return sum;
    }
}
