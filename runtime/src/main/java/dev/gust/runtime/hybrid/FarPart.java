package dev.gust.runtime.hybrid;

import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.LinearAttention;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import java.util.Optional;

/**
 * Linear attention over what lies before windows, and one mix of it and of softmax inside them. Values get a column of ones,
 * whose sums are the linear part's share of the divisor.
 */
final class FarPart implements AutoCloseable {
    private final int heads;
    private final int keyHeads;
    private final int features;
    private final int values;
    private final LinearPart linear;

    /**
     * @param sizes of the softmax part
     * @param features width of φ(q) and φ(k)
     */
    FarPart(HybridSetup setup, AttendSizes sizes, int features, Window window) {
        this.heads = sizes.heads();
        this.keyHeads = sizes.keyHeads();
        this.features = features;
        this.values = sizes.values();
        int rows = Math.max(1, window.mostRows(sizes.queries()));
        this.linear = new LinearPart(
                setup,
                LinearAttention.of("linear").withScale(1),
                AttentionSizes.of(rows, setup.sequences(), heads, features, values + 1));
    }

    /** Whether a head keeps a token out of the linear state. */
    interface Held {
        boolean is(int token, int head);
    }

    /**
     * Σ φ(q)·φ(k) v for each token and head, and behind it the same without v: [T, H, V + 1].
     *
     * @param queries φ(q) [T, H, F]
     * @param keys φ(k) [T, KEY_HEADS, F]
     * @param v [T, KEY_HEADS, V]
     */
    MemorySegment run(
            HybridCall call, FarRows rows, MemorySegment queries, MemorySegment keys, MemorySegment v, Held held) {
        MemorySegment far = call.floats((long) call.sequences().tokens() * heads * (values + 1));
        if (rows.count() == 0) {
            return far;
        }
        MemorySegment q = call.floats((long) rows.count() * heads * features);
        MemorySegment k = call.floats((long) rows.count() * heads * features);
        MemorySegment written = call.floats((long) rows.count() * heads * (values + 1));
        for (int row = 0; row < rows.count(); row++) {
            int reader = rows.readers()[row];
            if (reader != FarRows.NONE) {
                HostRows.copy(queries, reader, q, row, (long) heads * features);
            }
            int writer = rows.writers()[row];
            for (int h = 0; writer != FarRows.NONE && h < heads; h++) {
                if (!held.is(writer, h)) {
                    long from = (long) writer * keyHeads + h / (heads / keyHeads);
                    long to = (long) row * heads + h;
                    HostRows.copy(keys, from, k, to, features);
                    HostRows.move(v, from * values, written, to * (values + 1), values);
                    HostRows.set(written, to * (values + 1) + values, 1);
                }
            }
        }
        MemorySegment read = call.floats((long) rows.count() * heads * (values + 1));
        linear.run(call, Map.of("q", q, "k", k, "v", written), rows.sequences(), read);
        for (int row = 0; row < rows.count(); row++) {
            if (rows.readers()[row] != FarRows.NONE) {
                HostRows.copy(read, row, far, rows.readers()[row], (long) heads * (values + 1));
            }
        }
        return far;
    }

    /**
     * o = (a Σ w v + b gate ∘ Σ φ(q)·φ(k) v) / (a Σ w + b Σ φ(q)·φ(k)), with factors a and b of each head; 0 where the divisor
     * is.
     *
     * @param near what softmax made [T, H, V]
     * @param statistics beside it [T, H, 2]
     * @param far of {@link #run}
     * @param gate multiplies the linear numerator [T, H, V], through a sigmoid
     */
    void mix(
            HybridCall call,
            MemorySegment near,
            MemorySegment statistics,
            MemorySegment far,
            float[] nearFactors,
            float[] farFactors,
            Optional<MemorySegment> gate) {
        long rows = (long) call.sequences().tokens() * heads;
        for (long row = 0; row < rows; row++) {
            int head = (int) (row % heads);
            double nearWeight = nearFactors[head] * (double) HostRows.get(statistics, 2 * row + 1);
            double farFactor = farFactors[head];
            long from = row * (values + 1);
            double divisor = nearWeight + farFactor * HostRows.get(far, from + values);
            for (int d = 0; d < values; d++) {
                long at = row * values + d;
                double open = gate.isPresent() ? HostRows.sigmoid(HostRows.get(gate.get(), at)) : 1;
                double sum = nearWeight * HostRows.get(near, at) + farFactor * open * HostRows.get(far, from + d);
                HostRows.set(call.o(), at, divisor == 0 ? 0 : (float) (sum / divisor));
            }
        }
    }

    @Override
    public void close() {
        linear.close();
    }
}
