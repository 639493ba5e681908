package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.annotations.Parallel;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The R tokens of highest score: parts of the vocabulary are searched apart, each for R, and their lists are merged. Of
 * equal scores the lower id is first.
 */
public final class PortableBest {
    /** Parts that the vocabulary is cut into. */
    public static final int PARTS = 32;

    private PortableBest() {}

    /**
     * The best of each part, descending; a list that is not full ends with −1.
     *
     * @param y [M, V]
     * @param scores receives [M, PARTS, R]
     * @param ids receives [M, PARTS, R]
     * @param wanted R
     * @param n V
     */
    public static void partsPortable(FloatArray y, FloatArray scores, IntArray ids, int wanted, int n, int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int part = 0; part < PARTS; part++) {
                int share = (n + PARTS - 1) / PARTS;
                int begin = part * share;
                int end = Math.min(n, begin + share);
                int list = (m * PARTS + part) * wanted;
                int count = 0;
                for (int token = begin; token < end; token++) {
                    float score = y.get(m * n + token);
                    int place = -1;
                    if (count < wanted) {
                        place = count;
                        count++;
                    } else if (score > scores.get(list + wanted - 1)) {
                        place = wanted - 1;
                    }
                    if (place >= 0) {
                        for (; place > 0; place--) {
                            if (scores.get(list + place - 1) >= score) {
                                break;
                            }
                            scores.set(list + place, scores.get(list + place - 1));
                            ids.set(list + place, ids.get(list + place - 1));
                        }
                        scores.set(list + place, score);
                        ids.set(list + place, token);
                    }
                }
                for (; count < wanted; count++) {
                    scores.set(list + count, 0.0f);
                    ids.set(list + count, -1);
                }
            }
        }
    }

    /**
     * Merges the lists of the parts.
     *
     * @param next [M, PARTS]: room for where each list is read
     * @param found receives [M, R]: ids
     */
    public static void mergePortable(
            FloatArray scores, IntArray ids, IntArray next, IntArray found, int wanted, int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (int part = 0; part < PARTS; part++) {
                next.set(m * PARTS + part, 0);
            }
            for (int i = 0; i < wanted; i++) {
                int best = -1;
                float highest = 0.0f;
                for (int part = 0; part < PARTS; part++) {
                    int at = next.get(m * PARTS + part);
                    int place = (m * PARTS + part) * wanted + Math.min(at, wanted - 1);
                    if (at < wanted && ids.get(place) >= 0) {
                        if (best < 0 || scores.get(place) > highest) {
                            best = part;
                            highest = scores.get(place);
                        }
                    }
                }
                int id = -1;
                if (best >= 0) {
                    int at = next.get(m * PARTS + best);
                    id = ids.get((m * PARTS + best) * wanted + at);
                    next.set(m * PARTS + best, at + 1);
                }
                found.set(m * wanted + i, id);
            }
        }
    }

    /**
     * Exact logits of tokens, and their scores again.
     *
     * @param found [M, slots]: ids, −1 for none
     * @param totals [M]: slots that hold something
     * @param y [M, V], if there are scores
     * @param listed receives [M, 1 + slots]: the total and ids, −1 for an empty slot
     * @param values receives [M, 2, slots]: the scores, and exact logits or the scores once more
     * @param flags 1 for a bias, 2 for scores y, 4 for exact logits, added up
     */
    public static void gatherPortable(
            IntArray found,
            IntArray totals,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            IntArray listed,
            FloatArray values,
            IntArray sizes,
            int flags,
            int n,
            int slots,
            int capacity) {
        for (@Parallel int m = 0; m < capacity; m++) {
            for (@Parallel int slot = 0; slot < slots; slot++) {
                int d = sizes.get(HeadSizes.COLUMNS);
                int id = slot < totals.get(m) ? found.get(m * slots + slot) : -1;
                float score = 0.0f;
                float logit = 0.0f;
                if (id >= 0) {
                    if ((flags & 2) != 0) {
                        score = y.get(m * n + id);
                    }
                    if ((flags & 4) != 0) {
                        for (int i = 0; i < d; i++) {
                            logit += h.get(m * d + i) * w.get(id * d + i);
                        }
                        if ((flags & 1) != 0) {
                            logit += bias.get(id);
                        }
                    } else {
                        logit = score;
                    }
                }
                listed.set(m * (slots + 1) + 1 + slot, id);
                values.set(2 * m * slots + slot, score);
                values.set((2 * m + 1) * slots + slot, logit);
                if (slot == 0) {
                    listed.set(m * (slots + 1), totals.get(m));
                }
            }
        }
    }
}
