package dev.gust.runtime.codebook;

import static dev.gust.runtime.codebook.AssignConformance.floats;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** Compares a device's attention over a codebook, and its layers of hashed tables, with those in float64. */
final class CodebookConformance {
    private CodebookConformance() {}

    static List<CodebookAttention> attentions() {
        return List.of(
                new CodebookAttention(1, 1, 1, 1, 1, 1, 0, true, 1),
                new CodebookAttention(2, 17, 2, 5, 3, 4, 0, true, 0.4),
                new CodebookAttention(2, 17, 2, 5, 3, 4, 0, false, 0.4),
                new CodebookAttention(1, 33, 3, 8, 16, 20, 5, true, 2),
                new CodebookAttention(1, 33, 3, 8, 16, 20, 5, false, 2),
                new CodebookAttention(1, 6, 1, 4, 2, 3, 6, false, 1),
                new CodebookAttention(1, 6, 1, 4, 2, 3, 1, true, 30),
                new CodebookAttention(1, 6, 2, 4, 2, 3, 40, true, 1),
                new CodebookAttention(1, 6, 2, 4, 2, 3, 9, false, 1),
                new CodebookAttention(2, 0, 2, 4, 2, 3, 9, false, 1),
                new CodebookAttention(0, 6, 1, 4, 2, 3, 1, true, 1));
    }

    /** Keys lie near entries of the codebook, so that there is no doubt which one is the nearest. */
    static void check(Device device, CodebookAttention a) {
        var random = new SplittableRandom(a.tokens() + 100L * a.window());
        float[] codebook = gaussian(random, a.heads() * a.codes() * a.width(), 1);
        float[] q = gaussian(random, a.rows() * a.width(), 1);
        float[] v = gaussian(random, a.rows() * a.values(), 1);
        float[] bias = gaussian(random, a.heads() * a.window(), 3);
        float[] k = gaussian(random, a.rows() * a.width(), 1e-3);
        int[] ids = new int[a.rows()];
        for (int row = 0; row < ids.length; row++) {
            ids[row] = random.nextInt(a.codes());
            for (int d = 0; d < a.width(); d++) {
                k[row * a.width() + d] += codebook[(row % a.heads() * a.codes() + ids[row]) * a.width() + d];
            }
        }
        double[] expected = attend(a, q, codebook, ids, v, bias);
        try (Arena arena = Arena.ofShared();
                CodebookAttentionPlan plan = a.prepare(device, 2)) {
            MemorySegment o = floats(arena, new float[a.rows() * a.values()]);
            for (int call = 0; call < 2; call++) {
                o.fill((byte) 0xFF);
                plan.run(
                        new CodebookAttentionPlan.Inputs(
                                floats(arena, q),
                                floats(arena, k),
                                floats(arena, v),
                                floats(arena, codebook),
                                floats(arena, bias)),
                        o);
                assertClose(device.id() + " " + a, expected, o, CodebookAttention.TOLERANCE);
            }
        }
    }

    /** Token by token, over every pair. */
    private static double[] attend(
            CodebookAttention a, float[] q, float[] codebook, int[] ids, float[] v, float[] bias) {
        double[] o = new double[a.rows() * a.values()];
        for (int row = 0; row < a.rows(); row++) {
            int head = row % a.heads();
            int t = row / a.heads() % a.tokens();
            int sequence = row / a.heads() / a.tokens();
            int last = a.causal() ? t : a.tokens() - 1;
            double[] scores = new double[last + 1];
            double max = Double.NEGATIVE_INFINITY;
            for (int j = 0; j <= last; j++) {
                int key = (sequence * a.tokens() + j) * a.heads() + head;
                for (int d = 0; d < a.width(); d++) {
                    scores[j] += (double) q[row * a.width() + d]
                            * codebook[(head * a.codes() + ids[key]) * a.width() + d]
                            * a.scale();
                }
                if (Math.abs(t - j) < a.window()) {
                    scores[j] += bias[head * a.window() + Math.abs(t - j)];
                }
                max = Math.max(max, scores[j]);
            }
            double whole = 0;
            for (int j = 0; j <= last; j++) {
                int key = (sequence * a.tokens() + j) * a.heads() + head;
                double weight = Math.exp(scores[j] - max);
                whole += weight;
                for (int i = 0; i < a.values(); i++) {
                    o[row * a.values() + i] += weight * v[key * a.values() + i];
                }
            }
            for (int i = 0; i < a.values(); i++) {
                o[row * a.values() + i] /= whole;
            }
        }
        return o;
    }

    static List<MemoryLayer> layers() {
        return List.of(
                new MemoryLayer(1, 1, 1, true, 1),
                new MemoryLayer(3, 4, 5, true, 0.5),
                new MemoryLayer(7, 2, 33, false, 1),
                new MemoryLayer(2, 8, 17, true, 2));
    }

    static void check(Device device, MemoryLayer layer, int rows) {
        var random = new SplittableRandom(layer.chunks());
        int width = layer.chunks() * layer.bits();
        float[] x = gaussian(random, rows * width, 1);
        for (int i = 0; i < x.length; i += 5) {
            x[i] = 0; // counts as positive
        }
        float[] tables = gaussian(random, layer.chunks() * (1 << layer.bits()) * layer.outputs(), 1);
        double[] expected = new double[rows * layer.outputs()];
        for (int row = 0; row < rows; row++) {
            for (int chunk = 0; chunk < layer.chunks(); chunk++) {
                int number = 0;
                double own = 0;
                for (int bit = 0; bit < layer.bits(); bit++) {
                    float value = x[row * width + chunk * layer.bits() + bit];
                    number |= value >= 0 ? 1 << bit : 0;
                    own += Math.abs(value);
                }
                // The softmax over all sign patterns, summed one by one.
                double whole = 0;
                for (int pattern = 0; pattern < 1 << layer.bits(); pattern++) {
                    double product = 0;
                    for (int bit = 0; bit < layer.bits(); bit++) {
                        product += x[row * width + chunk * layer.bits() + bit] * ((pattern >> bit & 1) == 1 ? 1 : -1);
                    }
                    whole += Math.exp((product - own) / layer.temperature());
                }
                for (int i = 0; i < layer.outputs(); i++) {
                    expected[row * layer.outputs() + i] += (layer.weighted() ? 1 / whole : 1)
                            * tables[((chunk << layer.bits()) + number) * layer.outputs() + i];
                }
            }
        }
        try (Arena arena = Arena.ofShared();
                MemoryLayerPlan plan = layer.prepare(device, floats(arena, tables), rows + 1, 2)) {
            MemorySegment y = floats(arena, new float[rows * layer.outputs()]);
            y.fill((byte) 0xFF);
            plan.run(floats(arena, x), rows, y);
            assertClose(device.id() + " " + layer, expected, y, MemoryLayer.TOLERANCE);
        }
    }

    private static float[] gaussian(SplittableRandom random, int count, double deviation) {
        float[] x = new float[count];
        for (int i = 0; i < count; i++) {
            x[i] = (float) (random.nextGaussian() * deviation);
        }
        return x;
    }

    private static void assertClose(String what, double[] expected, MemorySegment got, double tolerance) {
        double errors = 0;
        double squares = 0;
        for (int i = 0; i < expected.length; i++) {
            double value = got.getAtIndex(ValueLayout.JAVA_FLOAT, i);
            errors += Math.pow(value - expected[i], 2);
            squares += expected[i] * expected[i];
        }
        assertThat(Math.sqrt(errors / (squares + 1e-30))).as(what).isLessThan(tolerance);
    }
}
