package dev.gust.runtime.hybrid;

import dev.gust.kernels.hybrid.WeightKind;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * {@link HybridRule#LINEAR_INFSA}. Both forms weigh keys by max(q·k, 0): the linear one for one query to a sequence and head,
 * the pure one for all, with the weights' squares to divide by.
 */
final class InfiniteAttention implements HybridParts {
    private final AttendSizes sizes;
    private final boolean pure;
    private final double rho;
    private final AttendPlan plan;

    InfiniteAttention(HybridSetup setup) {
        this.sizes = setup.grouped();
        this.pure = setup.isSecond("form", "linear", "pure");
        this.rho = setup.number("rho", 1);
        var room = new AttendSizes(
                pure ? sizes.queries() : setup.sequences(),
                sizes.keys(),
                sizes.heads(),
                sizes.keyHeads(),
                sizes.width(),
                sizes.values());
        this.plan = new Attend(room, HeadMap.INTERLEAVED, 1, WeightKind.RELU, false)
                .prepare(setup.device(), setup.threads(), Optional.empty());
    }

    @Override
    public void run(HybridCall call) {
        if (pure) {
            runPure(call);
        } else {
            runLinear(call);
        }
    }

    private void runPure(HybridCall call) {
        Sequences sequences = call.sequences();
        int heads = sizes.heads();
        int values = sizes.values();
        MemorySegment statistics = call.floats(2L * sequences.tokens() * heads);
        call.add(plan.run(new AttendCall(
                call.tensor("q"),
                call.tensor("k"),
                call.tensor("v"),
                KeyMask.NONE.ranges(sequences),
                call.o(),
                Optional.of(statistics))));
        for (int s = 0; s < sequences.count(); s++) {
            for (int h = 0; h < heads; h++) {
                double squares = 0;
                for (int i = sequences.first(s); i < sequences.end(s); i++) {
                    squares += HostRows.get(statistics, 2 * ((long) i * heads + h));
                }
                double factor = squares == 0 ? 0 : rho / Math.sqrt(squares);
                for (int i = sequences.first(s); i < sequences.end(s); i++) {
                    long row = (long) i * heads + h;
                    double sum = factor * HostRows.get(statistics, 2 * row + 1);
                    for (long at = row * values; at < (row + 1) * values; at++) {
                        HostRows.set(call.o(), at, (float) (sum * HostRows.get(call.o(), at)));
                    }
                }
            }
        }
    }

    private void runLinear(HybridCall call) {
        Sequences sequences = call.sequences();
        int heads = sizes.heads();
        int count = sequences.count();
        MemorySegment means = call.floats((long) count * heads * sizes.width());
        int[] bounds = new int[KeyRanges.LENGTH * count];
        for (int s = 0; s < count; s++) {
            KeyRanges.set(bounds, s, sequences.first(s), sequences.first(s), sequences.end(s));
            for (int h = 0; h < heads; h++) {
                setMean(call.tensor("q"), sequences, s, h, means);
            }
        }
        MemorySegment o = call.floats((long) count * heads * sizes.values());
        call.add(plan.run(new AttendCall(
                means, call.tensor("k"), call.tensor("v"), new KeyRanges(bounds, new int[0]), o, Optional.empty())));
        for (int s = 0; s < count; s++) {
            for (long i = 0; i < (long) heads * sizes.values(); i++) {
                float value = (float) (rho * HostRows.get(o, s * (long) heads * sizes.values() + i));
                for (int t = sequences.first(s); t < sequences.end(s); t++) {
                    HostRows.set(call.o(), (long) t * heads * sizes.values() + i, value);
                }
            }
        }
    }

    /** Σ ‖q‖ q / Σ ‖q‖ of a sequence's head. */
    private void setMean(MemorySegment q, Sequences sequences, int s, int head, MemorySegment means) {
        int width = sizes.width();
        double[] mean = new double[width];
        double norms = 0;
        for (int t = sequences.first(s); t < sequences.end(s); t++) {
            long from = ((long) t * sizes.heads() + head) * width;
            double squares = 0;
            for (int d = 0; d < width; d++) {
                squares += (double) HostRows.get(q, from + d) * HostRows.get(q, from + d);
            }
            double norm = Math.sqrt(squares);
            norms += norm;
            for (int d = 0; d < width; d++) {
                mean[d] += norm * HostRows.get(q, from + d);
            }
        }
        for (int d = 0; d < width; d++) {
            long to = ((long) s * sizes.heads() + head) * width + d;
            HostRows.set(means, to, norms == 0 ? 0 : (float) (mean[d] / norms));
        }
    }

    @Override
    public void close() {
        plan.close();
    }
}
