package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;

/** Scores y [M, V] of all tokens for hidden states h [M, D]; the plainest form. */
public final class PortableScores {
    private PortableScores() {}

    /**
     * y = h · Wᵀ + bias.
     *
     * @param w [N, D]
     * @param bias [N], if {@code biased}
     * @param n N
     * @param capacity M
     */
    public static void rowsPortable(
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int row = 0; row < n; row++) {
                int d = sizes.get(HeadSizes.COLUMNS);
                float sum = 0.0f;
                for (int i = 0; i < d; i++) {
                    sum += h.get(m * d + i) * w.get(row * d + i);
                }
                if (biased != 0) {
                    sum += bias.get(row);
                }
                y.set(m * n + row, sum);
            }
        }
    }

    /**
     * Codes of 4 bits with a scale for each 32 columns, by columns: longs of two words as in {@link QuartetScores}.
     *
     * @param h [M, D], with zeros behind
     */
    public static void quartetsPortable(
            LongArray words,
            FloatArray scales,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int token = 0; token < n; token++) {
                int d = sizes.get(HeadSizes.COLUMNS);
                int quartets = (n + 3) / 4;
                int quartet = token / 4;
                int place = token % 4;
                int panel = quartet / QuartetScores.QUARTETS * 8 * sizes.get(HeadSizes.STEPS);
                int shift = 16 * (place / 2) + 4 * (place % 2);
                float sum = 0.0f;
                for (int i = 0; i < d; i++) {
                    long four = words.get((panel + i / 4) * QuartetScores.QUARTETS + quartet % QuartetScores.QUARTETS);
                    int code = (int) (four >> (32 * (i / 2 % 2) + 8 * (i % 2) + shift)) & 15;
                    float scale = scales.get(((i / 32) * quartets + quartet) * 4 + place);
                    sum += h.get(m * d + i) * ((float) code - 8.0f) * scale;
                }
                if (biased != 0) {
                    sum += bias.get(token);
                }
                y.set(m * n + token, sum);
            }
        }
    }

    /**
     * Products of a hidden state with all entries of all codebooks.
     *
     * @param columns [S, W, 256]: entries side by side, zeros behind the last
     * @param tables receives [M, S, 256]
     * @param step columns from a codebook to the next: W, or 0 if entries are whole rows
     * @param width W
     * @param entries S · 256
     */
    public static void tablesPortable(
            FloatArray columns,
            FloatArray h,
            FloatArray tables,
            IntArray sizes,
            int step,
            int width,
            int entries,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int entry = 0; entry < entries; entry++) {
                int d = sizes.get(HeadSizes.COLUMNS);
                int book = entry / 256;
                int from = book * step;
                int count = Math.max(0, Math.min(width, d - from));
                float sum = 0.0f;
                for (int i = 0; i < count; i++) {
                    sum += h.get(m * d + from + i) * columns.get((book * width + i) * 256 + entry % 256);
                }
                tables.set(m * entries + entry, sum);
            }
        }
    }

    /**
     * The sum of what a token's codes name in the tables.
     *
     * @param codes [ceil(S / 4), V] words of four codes; those behind the last are 0
     * @param tables [M, S', 256] with S' = S rounded up to 4, zeros behind the last
     */
    public static void codesPortable(
            IntArray codes,
            FloatArray tables,
            FloatArray bias,
            FloatArray y,
            IntArray sizes,
            int biased,
            int n,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int token = 0; token < n; token++) {
                int steps = sizes.get(HeadSizes.STEPS);
                float sum = 0.0f;
                for (int j = 0; j < steps; j++) {
                    int word = codes.get(j * n + token);
                    int at = (m * steps + j) * 1024;
                    sum += tables.get(at + (word & 255));
                    sum += tables.get(at + 256 + ((word >> 8) & 255));
                    sum += tables.get(at + 512 + ((word >> 16) & 255));
                    sum += tables.get(at + 768 + ((word >> 24) & 255));
                }
                if (biased != 0) {
                    sum += bias.get(token);
                }
                y.set(m * n + token, sum);
            }
        }
    }

    /**
     * Gives each token its cluster's logit.
     *
     * @param logits [M, K]
     * @param assignments [V]
     * @param k K
     */
    public static void scatterPortable(
            FloatArray logits,
            IntArray assignments,
            FloatArray bias,
            FloatArray y,
            int biased,
            int k,
            int n,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int token = 0; token < n; token++) {
                float logit = logits.get(m * k + assignments.get(token));
                if (biased != 0) {
                    logit += bias.get(token);
                }
                y.set(m * n + token, logit);
            }
        }
    }
}
