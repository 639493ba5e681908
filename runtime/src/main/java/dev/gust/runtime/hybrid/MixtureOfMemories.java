package dev.gust.runtime.hybrid;

import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** {@link HybridRule#MOM}: a sequence of each memory's tokens for each sequence, all of them one batch of a gated delta rule. */
final class MixtureOfMemories implements HybridParts {
    private static final int MOST = 1024;

    private final int memories;
    private final int top;
    private final boolean shared;

    /** Whether each memory has heads of k, v, g and beta of its own. */
    private final boolean own;

    private final int heads;
    private final int valueHeads;
    private final int width;
    private final int values;
    private final LinearPart delta;

    MixtureOfMemories(HybridSetup setup) {
        Shape q = setup.shape("q", 4);
        Shape k = setup.shape("k", 4);
        Shape v = setup.shape("v", 4);
        this.memories = (int) Math.min(MOST, setup.shape("router", 3).dim(2));
        setup.require("router", q.dim(0), q.dim(1), memories);
        this.top = setup.count("top", Math.min(2, memories), memories);
        this.shared = setup.isSecond("shared", "false", "true");
        int sets = memories + (shared ? 1 : 0);
        this.own = k.dim(2) == q.dim(2) * sets;
        this.heads = (int) q.dim(2);
        this.valueHeads = (int) (own ? v.dim(2) / sets : v.dim(2));
        this.width = (int) q.dim(3);
        this.values = (int) v.dim(3);
        int times = own ? sets : 1;
        setup.require("k", q.dim(0), q.dim(1), (long) heads * times, width);
        setup.require("v", q.dim(0), q.dim(1), (long) valueHeads * times, values);
        setup.require("g", q.dim(0), q.dim(1), (long) valueHeads * times);
        setup.require("beta", q.dim(0), q.dim(1), (long) valueHeads * times);
        int tokens = Math.multiplyExact(setup.tokens("q"), top + (shared ? 1 : 0));
        this.delta = new LinearPart(
                setup,
                LinearAttention.of("gated-delta").withQkL2norm(true),
                new AttentionSizes(tokens, setup.sequences() * sets, heads, valueHeads, width, values));
    }

    /** A token in a memory's batch. */
    private record Visit(int token, int memory, float weight) {}

    @Override
    public void run(HybridCall call) {
        List<Integer> offsets = new ArrayList<>(List.of(0));
        List<Visit> visits = visits(call, offsets);
        int[] ends = offsets.stream().mapToInt(Integer::intValue).toArray();
        MemorySegment q = call.floats((long) visits.size() * heads * width);
        MemorySegment k = call.floats((long) visits.size() * heads * width);
        MemorySegment v = call.floats((long) visits.size() * valueHeads * values);
        MemorySegment g = call.floats((long) visits.size() * valueHeads);
        MemorySegment beta = call.floats((long) visits.size() * valueHeads);
        int sets = own ? memories + (shared ? 1 : 0) : 1;
        for (int i = 0; i < visits.size(); i++) {
            Visit visit = visits.get(i);
            long from = (long) visit.token() * sets + (own ? visit.memory() : 0);
            HostRows.copy(call.tensor("q"), visit.token(), q, i, (long) heads * width);
            HostRows.copy(call.tensor("k"), from, k, i, (long) heads * width);
            HostRows.copy(call.tensor("v"), from, v, i, (long) valueHeads * values);
            HostRows.copy(call.tensor("g"), from, g, i, valueHeads);
            HostRows.copy(call.tensor("beta"), from, beta, i, valueHeads);
        }
        MemorySegment o = call.floats((long) visits.size() * valueHeads * values);
        delta.run(call, Map.of("q", q, "k", k, "v", v, "g", g, "beta", beta), new Sequences(ends), o);
        call.o().fill((byte) 0);
        long row = (long) valueHeads * values;
        for (int i = 0; i < visits.size(); i++) {
            Visit visit = visits.get(i);
            for (long d = 0; d < row; d++) {
                long to = visit.token() * row + d;
                HostRows.set(call.o(), to, HostRows.get(call.o(), to) + visit.weight() * HostRows.get(o, i * row + d));
            }
        }
    }

    /** The tokens of each sequence's memories, in order, the shared one's last. */
    private List<Visit> visits(HybridCall call, List<Integer> offsets) {
        List<Visit> visits = new ArrayList<>();
        for (int s = 0; s < call.sequences().count(); s++) {
            List<List<Visit>> of = new ArrayList<>();
            for (int m = 0; m <= memories; m++) {
                of.add(new ArrayList<>());
            }
            for (int t = call.sequences().first(s); t < call.sequences().end(s); t++) {
                route(call.tensor("router"), t, of);
                of.get(memories).add(new Visit(t, memories, 1));
            }
            for (List<Visit> memory : shared ? of : of.subList(0, memories)) {
                visits.addAll(memory);
                offsets.add(visits.size());
            }
        }
        return visits;
    }

    private void route(MemorySegment router, int token, List<List<Visit>> of) {
        var taken = new boolean[memories];
        int[] best = new int[top];
        double[] weights = new double[top];
        double sum = 0;
        for (int i = 0; i < top; i++) {
            int greatest = -1;
            for (int m = 0; m < memories; m++) {
                if (!taken[m] && (greatest < 0 || logit(router, token, m) > logit(router, token, greatest))) {
                    greatest = m;
                }
            }
            taken[greatest] = true;
            best[i] = greatest;
            // The softmax's own divisor falls out when weights are made to sum to 1.
            weights[i] = Math.exp(logit(router, token, greatest) - logit(router, token, best[0]));
            sum += weights[i];
        }
        for (int i = 0; i < top; i++) {
            of.get(best[i]).add(new Visit(token, best[i], (float) (weights[i] / sum)));
        }
    }

    private double logit(MemorySegment router, int token, int memory) {
        return HostRows.get(router, (long) token * memories + memory);
    }

    @Override
    public void close() {
        delta.close();
    }
}
