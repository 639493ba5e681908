package dev.gust.kernels.codebook;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Attention whose keys are entries of a codebook: what keys share an entry share a score, so that an entry's values are summed
 * and counted once and a query costs S steps instead of T.
 *
 * <p>Rows are (b · T + t) · H + h. Tokens nearer than the window are kept apart, since each has a bias; they join the sums when
 * they leave it.
 */
public final class PortableCodebookAttention {
    private PortableCodebookAttention() {}

    /**
     * The entry that is nearest to each key, the least of equals; a key to a thread.
     *
     * @param k [B, T, H, D]
     * @param codebook [H, S, D]
     * @param halfNorms [H, S] ½|c|²
     * @param ids receives [B, T, H]
     */
    public static void nearestCodes(
            IntArray sizes, FloatArray k, FloatArray codebook, FloatArray halfNorms, IntArray ids, int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            int heads = sizes.get(CodebookSizes.HEADS);
            int width = sizes.get(CodebookSizes.WIDTH);
            int codes = sizes.get(CodebookSizes.CODES);
            int first = (row % heads) * codes;
            float best = AssignShape.FAR;
            int id = 0;
            for (int code = 0; code < codes; code++) {
                float sum = 0.0f;
                for (int d = 0; d < width; d++) {
                    sum += k.get(row * width + d) * codebook.get((first + code) * width + d);
                }
                float score = halfNorms.get(first + code) - sum;
                if (score < best) {
                    best = score;
                    id = code;
                }
            }
            ids.set(row, id);
        }
    }

    /**
     * The score of each query and entry.
     *
     * @param q [B, T, H, D]
     * @param scores receives [B, T, H, S] scale · q · c
     */
    public static void codeScores(
            IntArray sizes, FloatArray q, FloatArray codebook, FloatArray scores, float scale, int rows) {
        for (@Parallel int row = 0; row < rows; row++) {
            int width = sizes.get(CodebookSizes.WIDTH);
            int codes = sizes.get(CodebookSizes.CODES);
            int first = (row % sizes.get(CodebookSizes.HEADS)) * codes;
            for (int code = 0; code < codes; code++) {
                float sum = 0.0f;
                for (int d = 0; d < width; d++) {
                    sum += q.get(row * width + d) * codebook.get((first + code) * width + d);
                }
                scores.set(row * codes + code, sum * scale);
            }
        }
    }

    /**
     * o = Σ w v / Σ w; a column of a head's values to a thread, which goes through the sequence.
     *
     * @param ids [B, T, H]
     * @param scores [B, T, H, S]
     * @param v [B, T, H, V]
     * @param bias [H, window] by distance; one float if there is no window
     * @param counts [B, H, V, S], scratch
     * @param sums [B, H, V, S], scratch
     * @param maxima [B, T, H, V], scratch
     * @param weights [B, T, H, V], scratch
     * @param o receives [B, T, H, V]
     * @param causal 1 to hide later tokens
     * @param columns B · H · V
     */
    public static void attendCodes(
            IntArray sizes,
            IntArray ids,
            FloatArray scores,
            FloatArray v,
            FloatArray bias,
            FloatArray counts,
            FloatArray sums,
            FloatArray maxima,
            FloatArray weights,
            FloatArray o,
            int causal,
            int columns) {
        for (@Parallel int column = 0; column < columns; column++) {
            int tokens = sizes.get(CodebookSizes.TOKENS);
            int heads = sizes.get(CodebookSizes.HEADS);
            int values = sizes.get(CodebookSizes.VALUES);
            int codes = sizes.get(CodebookSizes.CODES);
            int window = sizes.get(CodebookSizes.WINDOW);
            int head = (column / values) % heads;
            int sequence = column / (values * heads);
            int value = column % values;
            int state = column * codes;
            for (int code = 0; code < codes; code++) {
                counts.set(state + code, 0.0f);
                sums.set(state + code, 0.0f);
            }
            for (int t = 0; t < tokens; t++) {
                int row = (sequence * tokens + t) * heads + head;
                if (t >= window) {
                    int left = (sequence * tokens + t - window) * heads + head;
                    int at = state + ids.get(left);
                    counts.set(at, counts.get(at) + 1.0f);
                    sums.set(at, sums.get(at) + v.get(left * values + value));
                }
                int first = TornadoMath.max(0, t - window + 1);
                int end = t + 1;
                if (causal == 0) {
                    end = TornadoMath.min(tokens, t + window);
                }
                float max = CodebookSizes.UNSEEN;
                for (int code = 0; code < codes; code++) {
                    if (counts.get(state + code) > 0.0f) {
                        max = TornadoMath.max(max, scores.get(row * codes + code));
                    }
                }
                for (int near = first; near < end; near++) {
                    int distance = TornadoMath.max(t - near, near - t);
                    int id = ids.get((sequence * tokens + near) * heads + head);
                    max = TornadoMath.max(max, scores.get(row * codes + id) + bias.get(head * window + distance));
                }
                float weight = 0.0f;
                float sum = 0.0f;
                for (int code = 0; code < codes; code++) {
                    float count = counts.get(state + code);
                    if (count > 0.0f) {
                        float e = TornadoMath.exp(scores.get(row * codes + code) - max);
                        weight += e * count;
                        sum += e * sums.get(state + code);
                    }
                }
                for (int near = first; near < end; near++) {
                    int distance = TornadoMath.max(t - near, near - t);
                    int other = (sequence * tokens + near) * heads + head;
                    float e = TornadoMath.exp(
                            scores.get(row * codes + ids.get(other)) + bias.get(head * window + distance) - max);
                    weight += e;
                    sum += e * v.get(other * values + value);
                }
                maxima.set(row * values + value, max);
                weights.set(row * values + value, weight);
                o.set(row * values + value, sum);
            }
            for (int code = 0; code < codes; code++) {
                counts.set(state + code, 0.0f);
                sums.set(state + code, 0.0f);
            }
            int reach = TornadoMath.max(window, 1);
            for (int back = 0; back < tokens; back++) {
                int t = tokens - 1 - back;
                int at = ((sequence * tokens + t) * heads + head) * values + value;
                if (causal == 0 && t + reach < tokens) {
                    int right = (sequence * tokens + t + reach) * heads + head;
                    int place = state + ids.get(right);
                    counts.set(place, counts.get(place) + 1.0f);
                    sums.set(place, sums.get(place) + v.get(right * values + value));
                }
                float before = maxima.get(at);
                float max = before;
                int scored = ((sequence * tokens + t) * heads + head) * codes;
                for (int code = 0; code < codes; code++) {
                    if (counts.get(state + code) > 0.0f) {
                        max = TornadoMath.max(max, scores.get(scored + code));
                    }
                }
                float kept = TornadoMath.exp(before - max);
                float weight = weights.get(at) * kept;
                float sum = o.get(at) * kept;
                for (int code = 0; code < codes; code++) {
                    float count = counts.get(state + code);
                    if (count > 0.0f) {
                        float e = TornadoMath.exp(scores.get(scored + code) - max);
                        weight += e * count;
                        sum += e * sums.get(state + code);
                    }
                }
                o.set(at, sum / weight);
            }
        }
    }
}
