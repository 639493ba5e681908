package dev.gust.runtime.logits;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;

/** Logits and screens of one hidden state in float64, from their definitions. */
final class ReferenceHead {
    private final VqHead head;
    private final double[] h;
    private final double[] exact;
    private final double[] screened;

    ReferenceHead(VqHead head, double[] h) {
        this.head = head;
        this.h = h;
        this.exact = IntStream.range(0, head.v()).mapToDouble(this::product).toArray();
        this.screened = IntStream.range(0, head.v()).mapToDouble(this::score).toArray();
    }

    VqHead head() {
        return head;
    }

    double exact(int token) {
        return exact[token];
    }

    /** The score of a token by its screen: of its stand-in for W's row, with the bias. */
    double screened(int token) {
        return screened[token];
    }

    private double product(int token) {
        float[] w = new float[head.d()];
        Codecs.of(head.type())
                .orElseThrow()
                .decode(head.weight(), token * head.rowBytes(), MemorySegment.ofArray(w), 0, head.d());
        double sum = bias(token);
        for (int i = 0; i < head.d(); i++) {
            sum += w[i] * h[i];
        }
        return sum;
    }

    private double bias(int token) {
        return head.bias().map(b -> (double) at(b, token)).orElse(0.0);
    }

    private double score(int token) {
        double sum = bias(token);
        int d = head.d();
        switch (head.screen()) {
            case Screen.None() -> sum = exact(token);
            case Screen.Clusters c ->
                sum += centroid(c.assignments().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, token));
            case Screen.Codes c -> {
                for (int s = 0; s < c.s(); s++) {
                    int code = c.codes().get(ValueLayout.JAVA_BYTE, (long) token * c.s() + s) & 0xFF;
                    for (int i = 0; i < c.w(); i++) {
                        int column = c.residual() ? i : s * c.w() + i;
                        if (column < d) {
                            sum += h[column] * at(c.codebooks(), ((long) s * c.c() + code) * c.w() + i);
                        }
                    }
                }
            }
            case Screen.Int4 q -> {
                float[] scale = new float[1];
                for (int i = 0; i < d; i++) {
                    long element = (long) token * q.width() + i;
                    int code = (q.codes().get(ValueLayout.JAVA_BYTE, element / 2) >> (4 * (i & 1))) & 15;
                    Codecs.of(DType.F16)
                            .orElseThrow()
                            .decode(q.scales(), element / 32 * 2, MemorySegment.ofArray(scale), 0, 1);
                    sum += h[i] * (code - 8) * scale[0];
                }
            }
            case Screen.LowRank l -> {
                for (int j = 0; j < l.r(); j++) {
                    double inner = 0;
                    for (int i = 0; i < d; i++) {
                        inner += h[i] * at(l.b(), (long) j * d + i);
                    }
                    sum += inner * at(l.a(), (long) token * l.r() + j);
                }
            }
        }
        return sum;
    }

    private double centroid(int cluster) {
        double sum = 0;
        for (int i = 0; i < head.d(); i++) {
            sum += h[i] * at(((Screen.Clusters) head.screen()).centroids(), (long) cluster * head.d() + i);
        }
        return sum;
    }

    /** Tokens by score, best first; of equal ones the lower id. */
    List<Integer> byScreen() {
        return order(screened);
    }

    List<Integer> byLogit() {
        return order(exact);
    }

    private static List<Integer> order(double[] scores) {
        return IntStream.range(0, scores.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -scores[i]).thenComparing(i -> i))
                .toList();
    }

    /** The tokens of the best clusters, of as many as it takes. */
    Set<Integer> probed(int probes, int least) {
        var clusters = (Screen.Clusters) head.screen();
        double[] scores =
                IntStream.range(0, clusters.k()).mapToDouble(this::centroid).toArray();
        var found = new TreeSet<Integer>();
        int taken = 0;
        for (int cluster : order(scores)) {
            if (taken >= probes && found.size() >= least) {
                break;
            }
            for (int token = 0; token < head.v(); token++) {
                if (clusters.assignments().getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, token) == cluster) {
                    found.add(token);
                }
            }
            taken++;
        }
        return found;
    }

    /** The k of these tokens with the highest exact logits. */
    List<Integer> best(Iterable<Integer> tokens, int k) {
        var list = new ArrayList<Integer>();
        tokens.forEach(list::add);
        list.sort(Comparator.comparingDouble((Integer i) -> -exact(i)).thenComparing(i -> i));
        return list.subList(0, Math.min(k, list.size()));
    }

    private static float at(MemorySegment floats, long index) {
        return floats.get(ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * index);
    }
}
