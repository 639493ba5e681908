package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import java.lang.foreign.MemorySegment;

/** One call of the operator, and its result in float64 straight from the definition. */
record SoftmaxCase(SoftmaxAttention attention, AttendSizes sizes, Sequences sequences) {
    static final KeyMask[] MASKS = {
        KeyMask.CAUSAL,
        KeyMask.NONE,
        KeyMask.slidingWindow(1),
        KeyMask.slidingWindow(7),
        KeyMask.slidingWindow(64),
        new KeyMask(false, 5, 0),
        new KeyMask(true, 0, 9),
        new KeyMask(false, 0, 16),
    };

    static SoftmaxCase of(KeyMask mask, int heads, int keyHeads, int width, int values, int... offsets) {
        var sequences = new Sequences(offsets);
        return new SoftmaxCase(
                SoftmaxAttention.of(mask),
                AttendSizes.of(sequences.tokens(), heads, keyHeads, width, values),
                sequences);
    }

    SoftmaxCase with(SoftmaxAttention other) {
        return new SoftmaxCase(other, sizes, sequences);
    }

    /** The relative error of a device, over an output that was poisoned. */
    double error(Device device, long seed, double size) {
        try (SoftmaxPlan plan = attention.prepare(device, sizes, 2)) {
            return error(plan, seed, size);
        }
    }

    double error(SoftmaxPlan plan, long seed, double size) {
        long tokens = sequences.tokens();
        MemorySegment q = Values.gaussian(tokens * sizes.heads() * sizes.width(), seed, size);
        MemorySegment k = Values.gaussian(tokens * sizes.keyHeads() * sizes.width(), seed + 1, size);
        MemorySegment v = Values.gaussian(tokens * sizes.keyHeads() * sizes.values(), seed + 2, 1);
        MemorySegment o = Values.filled(tokens * sizes.heads() * sizes.values(), Float.NaN);
        plan.run(q, k, v, sequences, o);
        return Values.error(expected(q, k, v), o);
    }

    double[] expected(MemorySegment q, MemorySegment k, MemorySegment v) {
        double[] o = new double[sequences.tokens() * sizes.heads() * sizes.values()];
        double scale = attention.scale().orElse(1 / Math.sqrt(sizes.width()));
        for (int s = 0; s < sequences.count(); s++) {
            for (int i = sequences.first(s); i < sequences.end(s); i++) {
                for (int h = 0; h < sizes.heads(); h++) {
                    int group = sizes.heads() / sizes.keyHeads();
                    int keyHead = attention.headMap() == HeadMap.TILED ? h % sizes.keyHeads() : h / group;
                    double[] query = Values.row(q, (long) i * sizes.heads() + h, sizes.width());
                    double[] scores = new double[sequences.tokens()];
                    double max = Double.NEGATIVE_INFINITY;
                    for (int j = sequences.first(s); j < sequences.end(s); j++) {
                        if (sees(i - sequences.first(s), j - sequences.first(s))) {
                            double[] key = Values.row(k, (long) j * sizes.keyHeads() + keyHead, sizes.width());
                            scores[j] = scale * Values.product(query, key);
                            max = Math.max(max, scores[j]);
                        }
                    }
                    double sum = 0;
                    double[] total = new double[sizes.values()];
                    for (int j = sequences.first(s); j < sequences.end(s); j++) {
                        if (sees(i - sequences.first(s), j - sequences.first(s))) {
                            double weight = attention.weights() == SoftmaxAttention.Weights.RELU
                                    ? Math.max(scores[j], 0)
                                    : Math.exp(scores[j] - max);
                            double[] value = Values.row(v, (long) j * sizes.keyHeads() + keyHead, sizes.values());
                            sum += weight;
                            for (int d = 0; d < value.length; d++) {
                                total[d] += weight * value[d];
                            }
                        }
                    }
                    for (int d = 0; d < total.length; d++) {
                        o[(i * sizes.heads() + h) * sizes.values() + d] = sum == 0 ? 0 : total[d] / sum;
                    }
                }
            }
        }
        return o;
    }

    /** Token i of a sequence sees token j. */
    private boolean sees(int i, int j) {
        KeyMask mask = attention.mask();
        boolean near = mask.window() == 0 || Math.abs(i - j) < mask.window();
        boolean same = mask.block() == 0 || i / mask.block() == j / mask.block();
        return near && same && (!mask.causal() || j <= i);
    }
}
