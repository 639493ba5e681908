package dev.gust.runtime.featuremap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.device.Device;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;

/** Compares a device's features with those of {@link ReferenceMap}. */
final class MapConformance {
    private MapConformance() {}

    /**
     * A map with its random weights.
     *
     * @param x [tokens, heads, D]
     * @param w empty if the map has none
     * @param b likewise
     */
    record Sample(MapName map, MapOptions options, Shape x, Optional<MapWeight> w, Optional<MapWeight> b, int heads) {
        FeatureMap build() {
            return FeatureMap.of("sample", map, options, x, w, b);
        }

        /** A head's part of a weight. */
        double[] ofHead(Optional<MapWeight> weight, long row) {
            return weight.map(v -> {
                        boolean own = v.shape().rank() == (v.name().equals("w") ? 3 : 2);
                        float[] all = v.floats();
                        int length = own ? all.length / heads : all.length;
                        int from = own ? (int) (row % heads) * length : 0;
                        return doubles(Arrays.copyOfRange(all, from, from + length));
                    })
                    .orElseGet(() -> new double[0]);
        }
    }

    /** A sample with weights of an odd number of rows, or none. */
    static Sample sample(MapName map, int tokens, int heads, int d, boolean ownWeights, boolean biased, long seed) {
        int e = Math.max(2, d - 1);
        Shape x = Shape.of(tokens, heads, d);
        Optional<MapWeight> none = Optional.empty();
        return switch (map.weights()) {
            case NONE -> new Sample(map, MapOptions.DEFAULT, x, none, none, heads);
            case AFFINE ->
                new Sample(
                        map,
                        MapOptions.DEFAULT,
                        x,
                        Optional.of(weight("w", Shape.of(d), seed)),
                        biased ? Optional.of(weight("b", Shape.of(d), seed + 1)) : none,
                        heads);
            case OPTIONAL, NEEDED, PAIR -> {
                int rows = map.weights() == MapName.Weights.PAIR ? 2 * e : e;
                Shape w = ownWeights ? Shape.of(heads, rows, d) : Shape.of(rows, d);
                Shape b = ownWeights ? Shape.of(heads, rows) : Shape.of(rows);
                yield new Sample(
                        map,
                        MapOptions.DEFAULT,
                        x,
                        Optional.of(weight("w", w, seed)),
                        biased ? Optional.of(weight("b", b, seed + 1)) : none,
                        heads);
            }
        };
    }

    /** Random numbers of a size that keeps sums over a row near 1. */
    static MapWeight weight(String name, Shape shape, long seed) {
        double size = shape.rank() < 2 ? 1 : 1 / Math.sqrt(shape.columns());
        return new MapWeight(name, shape, gaussian(shape.elements(), seed, size));
    }

    static MemorySegment gaussian(long count, long seed, double size) {
        var random = new SplittableRandom(seed);
        MemorySegment values = Arena.ofAuto().allocate(Math.max(4, count * Float.BYTES), 64);
        for (long i = 0; i < count; i++) {
            values.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) (random.nextGaussian() * size));
        }
        return values.asSlice(0, count * Float.BYTES);
    }

    /** The relative error on random x, over an output that was poisoned. */
    static double check(Device device, Sample sample, long seed) {
        return check(device, sample, gaussian(sample.x().elements(), seed, 1.5));
    }

    /** The relative error RMSE(reference − y) / RMS(reference). */
    static double check(Device device, Sample sample, MemorySegment x) {
        FeatureMap map = sample.build();
        try (FeatureMapPlan plan = map.prepare(device, 0)) {
            return check(plan, map, sample, x);
        }
    }

    static double check(FeatureMapPlan plan, FeatureMap map, Sample sample, MemorySegment x) {
        int d = map.width();
        int columns = map.outputWidth();
        long rows = x.byteSize() / Float.BYTES / d;
        MemorySegment y = Arena.ofAuto()
                .allocate(Math.max(4, rows * columns * Float.BYTES), 64)
                .asSlice(0, rows * columns * Float.BYTES);
        for (long i = 0; i < rows * columns; i++) {
            y.setAtIndex(ValueLayout.JAVA_FLOAT, i, Float.NaN);
        }
        plan.run(x, rows, y);
        double error = 0;
        double squares = 0;
        for (long row = 0; row < rows; row++) {
            double[] in = new double[d];
            for (int i = 0; i < d; i++) {
                in[i] = x.getAtIndex(ValueLayout.JAVA_FLOAT, row * d + i);
            }
            double[] expected = ReferenceMap.of(
                    sample.map(), sample.options(), in, sample.ofHead(sample.w(), row), sample.ofHead(sample.b(), row));
            assertThat(columns).isEqualTo(expected.length);
            for (int c = 0; c < columns; c++) {
                float got = y.getAtIndex(ValueLayout.JAVA_FLOAT, row * columns + c);
                assertThat(got).as("%s: y[%d, %d]", sample.map(), row, c).isNotNaN();
                error += (expected[c] - got) * (expected[c] - got);
                squares += expected[c] * expected[c];
            }
        }
        return squares == 0 ? Math.sqrt(error) : Math.sqrt(error / squares);
    }

    private static double[] doubles(float[] values) {
        double[] doubles = new double[values.length];
        Arrays.setAll(doubles, i -> values[i]);
        return doubles;
    }
}
