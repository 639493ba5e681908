package dev.gust.runtime.codebook.jvm;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One head's attention over its codebook. Loops run over entries or over a value's numbers, column by column, without sums to
 * carry, so that the compiler makes vectors of them. Not safe to share.
 */
public final class CodebookHead {
    private final float[] codebook;
    private final float[] columns;
    private final int codes;
    private final int width;
    private final int values;
    private final float[] bias;
    private final float scale;
    private final float[] counts;
    private final float[] sums;
    private final float[] scores;

    /**
     * @param codebook [S, D]
     * @param bias [window] by distance
     */
    public CodebookHead(float[] codebook, int codes, int width, int values, float[] bias, float scale) {
        this.codebook = codebook;
        this.codes = codes;
        this.width = width;
        this.values = values;
        this.bias = bias;
        this.scale = scale;
        columns = new float[codes * width];
        for (int code = 0; code < codes; code++) {
            for (int d = 0; d < width; d++) {
                columns[d * codes + code] = codebook[code * width + d];
            }
        }
        counts = new float[codes];
        sums = new float[codes * values];
        scores = new float[codes];
    }

    /**
     * Attends.
     *
     * @param q [T, D]
     * @param k [T, D]
     * @param v [T, V]
     * @return [T, V]
     */
    public float[] attend(float[] q, float[] k, float[] v, int tokens, boolean causal) {
        int[] ids = nearest(k, tokens);
        float[] o = new float[tokens * values];
        float[] maxima = new float[tokens];
        float[] weights = new float[tokens];
        int window = bias.length;
        clear();
        for (int t = 0; t < tokens; t++) {
            if (t >= window) {
                join(ids[t - window], v, t - window);
            }
            score(q, t);
            int first = Math.max(0, t - window + 1);
            int end = causal ? t + 1 : Math.min(tokens, t + window);
            float max = greatest(-Float.MAX_VALUE);
            for (int near = first; near < end; near++) {
                max = Math.max(max, scores[ids[near]] + bias[Math.abs(t - near)]);
            }
            float weight = addCodes(max, o, t);
            for (int near = first; near < end; near++) {
                float e = (float) Math.exp(scores[ids[near]] + bias[Math.abs(t - near)] - max);
                weight += e;
                add(e, v, near * values, o, t);
            }
            maxima[t] = max;
            weights[t] = weight;
        }
        clear();
        int reach = Math.max(1, window);
        for (int t = tokens - 1; t >= 0; t--) {
            if (!causal && t + reach < tokens) {
                join(ids[t + reach], v, t + reach);
                score(q, t);
                float max = greatest(maxima[t]);
                float kept = (float) Math.exp(maxima[t] - max);
                multiply(o, t, kept);
                weights[t] = weights[t] * kept + addCodes(max, o, t);
            }
            multiply(o, t, 1 / weights[t]);
        }
        return o;
    }

    private int[] nearest(float[] k, int tokens) {
        var search = new NearestCentroids(MemorySegment.ofArray(codebook), codes, width);
        int[] ids = new int[tokens];
        search.find(
                MemorySegment.ofArray(k),
                0,
                tokens,
                MemorySegment.ofArray(ids),
                MemorySegment.ofArray(new float[tokens]),
                0);
        return ids;
    }

    private void clear() {
        Arrays.fill(counts, 0);
        Arrays.fill(sums, 0);
    }

    private void join(int code, float[] v, int t) {
        counts[code]++;
        for (int i = 0; i < values; i++) {
            sums[code * values + i] += v[t * values + i];
        }
    }

    private void score(float[] q, int t) {
        Arrays.fill(scores, 0);
        for (int d = 0; d < width; d++) {
            float value = q[t * width + d] * scale;
            int at = d * codes;
            for (int code = 0; code < codes; code++) {
                scores[code] += value * columns[at + code];
            }
        }
    }

    /** The greatest score of the entries that are in use, or what is given. */
    private float greatest(float least) {
        float max = least;
        for (int code = 0; code < codes; code++) {
            max = counts[code] > 0 ? Math.max(max, scores[code]) : max;
        }
        return max;
    }

    private float addCodes(float max, float[] o, int t) {
        float weight = 0;
        for (int code = 0; code < codes; code++) {
            if (counts[code] > 0) {
                float e = (float) Math.exp(scores[code] - max);
                weight += e * counts[code];
                add(e, sums, code * values, o, t);
            }
        }
        return weight;
    }

    private void add(float factor, float[] from, int at, float[] o, int t) {
        int to = t * values;
        for (int i = 0; i < values; i++) {
            o[to + i] += factor * from[at + i];
        }
    }

    private void multiply(float[] o, int t, float factor) {
        for (int i = t * values; i < (t + 1) * values; i++) {
            o[i] *= factor;
        }
    }
}
