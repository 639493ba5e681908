package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * The R tokens of highest score, and few others, by a bound. Kernels that score tokens leave the greatest score of each heap of
 * a few neighbours. Heaps are dealt in turn into R piles, and the least of these piles' greatest scores is a bound that R
 * scores reach at least, one in each pile; of random scores R (ln R + 0.6) do. They are listed in an order that does not depend
 * on the order of groups.
 */
public final class GroupSelect {
    /** Work-items of a group. */
    public static final int LOCAL = 512;

    /** Most tokens of a heap. */
    public static final int MOST_HEAP = 32;

    /** Most tokens that a group has room for in local memory. */
    public static final int MOST_SELECTED = 4096;

    /** Fewest work-items to a row that is multiplied. */
    public static final int LEAST_LANES = 32;

    /** Counts are summed up in as many runs, of as many each. */
    private static final int RUNS = 32;

    private static final int RUN = LOCAL / RUNS;

    private GroupSelect() {}

    /**
     * Everything behind the scores at once, for few tokens: each group finds the bound and lists the tokens that reach it, since
     * groups cannot wait for one another and a launch takes longer; then it multiplies its share of them exactly. Any number
     * of groups of {@link #LOCAL} along x, and one along y for each hidden state.
     *
     * @param y [M, V]
     * @param maxima [M, ceil(V / heap)]
     * @param w [V, D], if there are exact logits
     * @param listed receives [M, 1 + slots]: how many tokens reach the bound, whether or not they fit; their ids; −1 for an
     *     empty slot
     * @param values receives [M, 2, slots]: the scores; exact logits, or the scores once more
     * @param n V: places that are made of constants are known before anything is read
     * @param d D
     * @param flags 1 for a bias, 4 for exact logits, added up
     * @param heap tokens of a heap, a power of two
     * @param piles R, a power of two
     * @param slots at most {@link #MOST_SELECTED}
     * @param lanes work-items to a row, a power of two
     */
    public static void selectGroups(
            KernelContext context,
            FloatArray y,
            FloatArray maxima,
            FloatArray w,
            FloatArray bias,
            FloatArray h,
            IntArray listed,
            FloatArray values,
            int n,
            int d,
            int flags,
            int heap,
            int piles,
            int slots,
            int lanes) {
        float[] room = context.allocateFloatLocalArray(LOCAL);
        // Counts in runs, with their sums behind them: they shift the banks, too.
        int[] sums = context.allocateIntLocalArray(RUNS * (RUN + 1));
        int[] starts = context.allocateIntLocalArray(RUNS + 1);
        int[] heaps = context.allocateIntLocalArray(slots);
        int[] tokens = context.allocateIntLocalArray(slots);
        int local = context.localIdx;
        int groups = context.globalGroupSizeX / LOCAL;
        int from = context.groupIdy * n;
        int all = (n + heap - 1) / heap;
        int first = context.groupIdy * all;
        int spread = local + local / RUN;
        int step = Math.max(piles, LOCAL);
        float bound = 3.4028235e38f;
        for (int pile = local; pile < step; pile += LOCAL) {
            float most = -3.4028235e38f;
            for (int i = pile; i < all; i += 8 * step) {
                // Where there are no more, one of the same pile once more.
                int i1 = i + step < all ? i + step : i;
                int i2 = i + 2 * step < all ? i + 2 * step : i;
                int i3 = i + 3 * step < all ? i + 3 * step : i;
                int i4 = i + 4 * step < all ? i + 4 * step : i;
                int i5 = i + 5 * step < all ? i + 5 * step : i;
                int i6 = i + 6 * step < all ? i + 6 * step : i;
                int i7 = i + 7 * step < all ? i + 7 * step : i;
                float m0 = maxima.get(first + i);
                float m1 = maxima.get(first + i1);
                float m2 = maxima.get(first + i2);
                float m3 = maxima.get(first + i3);
                float m4 = maxima.get(first + i4);
                float m5 = maxima.get(first + i5);
                float m6 = maxima.get(first + i6);
                float m7 = maxima.get(first + i7);
                float low = Math.max(Math.max(m0, m1), Math.max(m2, m3));
                float high = Math.max(Math.max(m4, m5), Math.max(m6, m7));
                most = Math.max(most, Math.max(low, high));
            }
            bound = Math.min(bound, most);
        }
        room[local] = bound;
        // Places that are as many apart as there are piles are of one pile: the greatest of each, then the least of
        // all.
        int wide = Math.max(Math.min(piles, LOCAL), RUNS);
        context.localBarrier();
        if (local < wide) {
            float most = room[local];
            for (int i = wide; i < LOCAL; i += wide) {
                most = Math.max(most, room[local + i]);
            }
            room[local] = most;
        }
        context.localBarrier();
        if (local < RUNS) {
            float least = room[local];
            for (int i = RUNS; i < wide; i += RUNS) {
                least = Math.min(least, room[local + i]);
            }
            room[local] = least;
        }
        context.localBarrier();
        bound = 3.4028235e38f;
        for (int pile = 0; pile < Math.min(piles, RUNS); pile++) {
            float most = room[pile];
            for (int i = pile + piles; i < RUNS; i += piles) {
                most = Math.max(most, room[i]);
            }
            bound = Math.min(bound, most);
        }
        int count = 0;
        for (int i = local; i < all; i += LOCAL) {
            count += maxima.get(first + i) >= bound ? 1 : 0;
        }
        sums[spread] = count;
        context.localBarrier();
        if (local < RUNS) {
            int sum = 0;
            for (int i = 0; i < RUN; i++) {
                int here = sums[local * (RUN + 1) + i];
                sums[local * (RUN + 1) + i] = sum;
                sum += here;
            }
            sums[local * (RUN + 1) + RUN] = sum;
        }
        context.localBarrier();
        if (local < RUNS) {
            int before = 0;
            int total = 0;
            for (int run = 0; run < RUNS; run++) {
                int sum = sums[run * (RUN + 1) + RUN];
                before += run < local ? sum : 0;
                total += sum;
            }
            starts[local] = before;
            starts[RUNS] = total;
        }
        context.localBarrier();
        int slot = sums[spread] + starts[local / RUN];
        for (int i = local; i < all; i += LOCAL) {
            if (maxima.get(first + i) >= bound) {
                if (slot < slots) {
                    heaps[slot] = i;
                }
                slot++;
            }
        }
        context.localBarrier();
        int filled = starts[RUNS];
        int places = Math.min(filled, slots) * heap;
        context.localBarrier();
        count = 0;
        for (int i = local; i < places; i += 4 * LOCAL) {
            int i1 = Math.min(i + LOCAL, places - 1);
            int i2 = Math.min(i + 2 * LOCAL, places - 1);
            int i3 = Math.min(i + 3 * LOCAL, places - 1);
            int t0 = heaps[i / heap] * heap + i % heap;
            int t1 = heaps[i1 / heap] * heap + i1 % heap;
            int t2 = heaps[i2 / heap] * heap + i2 % heap;
            int t3 = heaps[i3 / heap] * heap + i3 % heap;
            float y0 = y.get(from + Math.min(t0, n - 1));
            float y1 = y.get(from + Math.min(t1, n - 1));
            float y2 = y.get(from + Math.min(t2, n - 1));
            float y3 = y.get(from + Math.min(t3, n - 1));
            int end1 = i + LOCAL < places ? n : 0;
            int end2 = i + 2 * LOCAL < places ? n : 0;
            int end3 = i + 3 * LOCAL < places ? n : 0;
            count += t0 < n && y0 >= bound ? 1 : 0;
            count += t1 < end1 && y1 >= bound ? 1 : 0;
            count += t2 < end2 && y2 >= bound ? 1 : 0;
            count += t3 < end3 && y3 >= bound ? 1 : 0;
        }
        sums[spread] = count;
        context.localBarrier();
        if (local < RUNS) {
            int sum = 0;
            for (int i = 0; i < RUN; i++) {
                int here = sums[local * (RUN + 1) + i];
                sums[local * (RUN + 1) + i] = sum;
                sum += here;
            }
            sums[local * (RUN + 1) + RUN] = sum;
        }
        context.localBarrier();
        if (local < RUNS) {
            int before = 0;
            int total = 0;
            for (int run = 0; run < RUNS; run++) {
                int sum = sums[run * (RUN + 1) + RUN];
                before += run < local ? sum : 0;
                total += sum;
            }
            starts[local] = before;
            starts[RUNS] = total;
        }
        context.localBarrier();
        slot = sums[spread] + starts[local / RUN];
        for (int i = local; i < places; i += LOCAL) {
            int token = heaps[i / heap] * heap + i % heap;
            if (token < n) {
                if (y.get(from + token) >= bound) {
                    if (slot < slots) {
                        tokens[slot] = token;
                    }
                    slot++;
                }
            }
        }
        context.localBarrier();
        // More heaps than there is room for hold more tokens than that.
        int total = Math.max(starts[RUNS], filled);
        int held = Math.min(total, slots);
        if ((flags & 4) != 0) {
            int teams = LOCAL / lanes;
            int lane = local % lanes;
            int hidden = context.groupIdy * d;
            for (int base = context.groupIdx * teams; base < held; base += groups * teams) {
                int place = base + local / lanes;
                int id = place < held ? tokens[Math.min(place, slots - 1)] : 0;
                int end = place < held ? d : 0;
                float sum = 0.0f;
                for (int i = lane; i < end; i += 8 * lanes) {
                    int i1 = Math.min(i + lanes, d - 1);
                    int i2 = Math.min(i + 2 * lanes, d - 1);
                    int i3 = Math.min(i + 3 * lanes, d - 1);
                    int i4 = Math.min(i + 4 * lanes, d - 1);
                    int i5 = Math.min(i + 5 * lanes, d - 1);
                    int i6 = Math.min(i + 6 * lanes, d - 1);
                    int i7 = Math.min(i + 7 * lanes, d - 1);
                    float w0 = w.get(id * d + i);
                    float w1 = w.get(id * d + i1);
                    float w2 = w.get(id * d + i2);
                    float w3 = w.get(id * d + i3);
                    float w4 = w.get(id * d + i4);
                    float w5 = w.get(id * d + i5);
                    float w6 = w.get(id * d + i6);
                    float w7 = w.get(id * d + i7);
                    sum += w0 * h.get(hidden + i)
                            + (i + lanes < d ? w1 * h.get(hidden + i1) : 0.0f)
                            + (i + 2 * lanes < d ? w2 * h.get(hidden + i2) : 0.0f)
                            + (i + 3 * lanes < d ? w3 * h.get(hidden + i3) : 0.0f)
                            + (i + 4 * lanes < d ? w4 * h.get(hidden + i4) : 0.0f)
                            + (i + 5 * lanes < d ? w5 * h.get(hidden + i5) : 0.0f)
                            + (i + 6 * lanes < d ? w6 * h.get(hidden + i6) : 0.0f)
                            + (i + 7 * lanes < d ? w7 * h.get(hidden + i7) : 0.0f);
                }
                room[local] = sum;
                context.localBarrier();
                if (lane < LEAST_LANES) {
                    for (int i = LEAST_LANES; i < lanes; i += LEAST_LANES) {
                        sum += room[local + i];
                    }
                    room[local] = sum;
                }
                context.localBarrier();
                if (lane == 0 && place < held) {
                    float logit = room[local];
                    for (int i = 1; i < LEAST_LANES; i++) {
                        logit += room[local + i];
                    }
                    if ((flags & 1) != 0) {
                        logit += bias.get(id);
                    }
                    values.set((2 * context.groupIdy + 1) * slots + place, logit);
                }
                context.localBarrier();
            }
        }
        int exact = (flags & 4) != 0 ? held : 0;
        for (int i = context.groupIdx * LOCAL + local; i < slots; i += groups * LOCAL) {
            int id = i < held ? tokens[i] : -1;
            float score = i < held ? y.get(from + Math.max(id, 0)) : 0.0f;
            listed.set(context.groupIdy * (slots + 1) + 1 + i, id);
            values.set(2 * context.groupIdy * slots + i, score);
            if (i >= exact) {
                values.set((2 * context.groupIdy + 1) * slots + i, score);
            }
        }
        if (context.groupIdx == 0 && local == 0) {
            listed.set(context.groupIdy * (slots + 1), total);
        }
    }
}
