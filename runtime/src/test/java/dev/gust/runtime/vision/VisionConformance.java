package dev.gust.runtime.vision;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.SplittableRandom;

/** Compares a device's attention with {@link ReferenceVision}. */
final class VisionConformance {
    private VisionConformance() {}

    /** An operator for a shape, with what it can be given if {@code rich}. */
    static VisionAttention attention(VisionRule rule, int b, int n, int h, int d, int landmarks, boolean rich) {
        VisionShape shape = VisionShape.of("sample", Shape.of(b, n, h, d), landmarks);
        return new VisionAttention(rule, shape, rich && rule.takesPositions() && d % 2 == 0, rich && rule.takesGates());
    }

    /** Random inputs: positions as angles that grow with the token, gates below 1. */
    static VisionInputs inputs(VisionAttention attention, long seed, double size) {
        VisionShape shape = attention.shape();
        long floats = shape.rows() * shape.width();
        var inputs = VisionInputs.of(
                gaussian(floats, seed, size), gaussian(floats, seed + 1, size), gaussian(floats, seed + 2, 1));
        if (attention.positions()) {
            int width = shape.width();
            MemorySegment cos = allocate((long) shape.tokens() * width);
            MemorySegment sin = allocate((long) shape.tokens() * width);
            for (int i = 0; i < shape.tokens() * width; i++) {
                double angle = i / width * Math.pow(100, -(i % width / 2) / (double) width);
                cos.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.cos(angle));
                sin.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.sin(angle));
            }
            inputs = inputs.withPositions(new VisionInputs.Positions(cos, sin));
        }
        if (attention.gates()) {
            MemorySegment key = allocate(shape.rows());
            MemorySegment value = allocate(shape.rows());
            var random = new SplittableRandom(seed + 3);
            for (long i = 0; i < shape.rows(); i++) {
                key.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
                value.setAtIndex(ValueLayout.JAVA_FLOAT, i, random.nextFloat());
            }
            inputs = inputs.withGates(new VisionInputs.Gates(key, value));
        }
        return inputs;
    }

    static MemorySegment gaussian(long count, long seed, double size) {
        var random = new SplittableRandom(seed);
        MemorySegment values = allocate(count);
        for (long i = 0; i < count; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() * size));
        }
        return values;
    }

    static MemorySegment allocate(long floats) {
        return Arena.ofAuto().allocate(Math.max(4, floats * Float.BYTES), 64).asSlice(0, floats * Float.BYTES);
    }

    /** The relative error RMSE(reference − o) / RMS(reference), over an output that was poisoned. */
    static double check(VisionPlan plan, VisionAttention attention, VisionInputs inputs) {
        VisionShape shape = attention.shape();
        MemorySegment o = allocate(shape.rows() * shape.width());
        for (long i = 0; i < shape.rows() * shape.width(); i++) {
            o.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
        }
        plan.run(inputs, o);
        double error = 0;
        double squares = 0;
        for (int b = 0; b < shape.batches(); b++) {
            for (int h = 0; h < shape.heads(); h++) {
                double[][] expected =
                        ReferenceVision.of(attention.rule(), shape.landmarks(), head(shape, inputs, b, h));
                double[][] got = rows(shape, o, b, h);
                for (int n = 0; n < shape.tokens(); n++) {
                    for (int d = 0; d < shape.width(); d++) {
                        assertThat(got[n][d])
                                .as("%s: o[%d, %d, %d, %d]", attention.rule(), b, n, h, d)
                                .isNotNaN();
                        error += (expected[n][d] - got[n][d]) * (expected[n][d] - got[n][d]);
                        squares += expected[n][d] * expected[n][d];
                    }
                }
            }
        }
        return squares == 0 ? Math.sqrt(error) : Math.sqrt(error / squares);
    }

    static ReferenceVision.Head head(VisionShape shape, VisionInputs inputs, int b, int h) {
        Optional<VisionInputs.Positions> positions = inputs.positions();
        Optional<VisionInputs.Gates> gates = inputs.gates();
        return new ReferenceVision.Head(
                rows(shape, inputs.q(), b, h),
                rows(shape, inputs.k(), b, h),
                rows(shape, inputs.v(), b, h),
                positions.map(p -> plain(shape, p.cos())).orElseGet(() -> new double[0][]),
                positions.map(p -> plain(shape, p.sin())).orElseGet(() -> new double[0][]),
                gates.map(g -> numbers(shape, g.key(), b, h)).orElseGet(() -> new double[0]),
                gates.map(g -> numbers(shape, g.value(), b, h)).orElseGet(() -> new double[0]));
    }

    private static double[][] rows(VisionShape shape, MemorySegment x, int b, int h) {
        double[][] rows = new double[shape.tokens()][shape.width()];
        for (int n = 0; n < shape.tokens(); n++) {
            for (int d = 0; d < shape.width(); d++) {
                long row = ((long) b * shape.tokens() + n) * shape.heads() + h;
                rows[n][d] = x.getAtIndex(ValueLayout.JAVA_FLOAT, row * shape.width() + d);
            }
        }
        return rows;
    }

    private static double[][] plain(VisionShape shape, MemorySegment x) {
        double[][] rows = new double[shape.tokens()][shape.width()];
        for (int n = 0; n < shape.tokens(); n++) {
            for (int d = 0; d < shape.width(); d++) {
                rows[n][d] = x.getAtIndex(ValueLayout.JAVA_FLOAT, (long) n * shape.width() + d);
            }
        }
        return rows;
    }

    private static double[] numbers(VisionShape shape, MemorySegment x, int b, int h) {
        double[] numbers = new double[shape.tokens()];
        for (int n = 0; n < shape.tokens(); n++) {
            numbers[n] = x.getAtIndex(ValueLayout.JAVA_FLOAT, ((long) b * shape.tokens() + n) * shape.heads() + h);
        }
        return numbers;
    }
}
