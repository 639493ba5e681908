package dev.gust.kernels.logits;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * As {@link GroupSelect}, in a launch for each step, for more tokens than a group has room for: the bound, lists, and exact
 * products of what is listed.
 */
public final class GroupBest {
    /** Work-items of a group. */
    public static final int LOCAL = 256;

    /** Tokens of a group. */
    public static final int TOKENS = 1024;

    /** Work-items to a row that is gathered. */
    public static final int GATHER_LANES = 32;

    private GroupBest() {}

    /**
     * For many tokens, the bound, and how many scores of each group reach it: ceil(V / TOKENS) groups along x, one along y for
     * each hidden state. Arguments as in {@link GroupSelect#selectGroups}, and
     *
     * @param bounds receives [M, groups]: the same bound in all of a hidden state's
     * @param counts receives [M, groups]
     */
    public static void countGroups(
            KernelContext context,
            FloatArray y,
            FloatArray maxima,
            FloatArray bounds,
            IntArray counts,
            IntArray sizes,
            int heap,
            int piles) {
        float[] least = context.allocateFloatLocalArray(LOCAL);
        int[] sums = context.allocateIntLocalArray(LOCAL);
        int local = context.localIdx;
        int n = sizes.get(HeadSizes.ROWS);
        int from = context.groupIdy * n;
        int groups = context.globalGroupSizeX / LOCAL;
        int all = (n + heap - 1) / heap;
        float bound = 3.4028235e38f;
        for (int pile = local; pile < piles; pile += LOCAL) {
            float most = -3.4028235e38f;
            for (int i = pile; i < all; i += piles) {
                most = Math.max(most, maxima.get(context.groupIdy * all + i));
            }
            bound = Math.min(bound, most);
        }
        least[local] = bound;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (local < stride) {
                least[local] = Math.min(least[local], least[local + stride]);
            }
        }
        context.localBarrier();
        bound = least[0];
        int count = 0;
        for (int i = 0; i < TOKENS / LOCAL; i++) {
            int token = context.groupIdx * TOKENS + i * LOCAL + local;
            if (token < n) {
                if (y.get(from + token) >= bound) {
                    count++;
                }
            }
        }
        sums[local] = count;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (local < stride) {
                sums[local] += sums[local + stride];
            }
        }
        if (local == 0) {
            counts.set(context.groupIdy * groups + context.groupIdx, sums[0]);
            bounds.set(context.groupIdy * groups + context.groupIdx, bound);
        }
    }

    /**
     * Writes the tokens that reach the bound: groups as in {@link #countGroups}.
     *
     * @param found receives [M, slots]: ids, as far as there are so many and they fit; the rest keeps what it held
     * @param totals receives [M]: how many there are, whether or not they fit
     */
    public static void listGroups(
            KernelContext context,
            FloatArray y,
            FloatArray bounds,
            IntArray counts,
            IntArray found,
            IntArray totals,
            IntArray sizes,
            int slots) {
        int[] sums = context.allocateIntLocalArray(LOCAL);
        int local = context.localIdx;
        int n = sizes.get(HeadSizes.ROWS);
        int from = context.groupIdy * n;
        int groups = context.globalGroupSizeX / LOCAL;
        int group = context.groupIdx;
        float bound = bounds.get(context.groupIdy * groups + group);
        int before = 0;
        for (int i = local; i < group; i += LOCAL) {
            before += counts.get(context.groupIdy * groups + i);
        }
        sums[local] = before;
        for (int stride = LOCAL / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (local < stride) {
                sums[local] += sums[local + stride];
            }
        }
        context.localBarrier();
        before = sums[0];
        context.localBarrier();
        int count = 0;
        for (int i = 0; i < TOKENS / LOCAL; i++) {
            int token = group * TOKENS + i * LOCAL + local;
            if (token < n) {
                if (y.get(from + token) >= bound) {
                    count++;
                }
            }
        }
        sums[local] = count;
        for (int stride = 1; stride < LOCAL; stride <<= 1) {
            context.localBarrier();
            int left = local >= stride ? sums[Math.max(local - stride, 0)] : 0;
            context.localBarrier();
            sums[local] += left;
        }
        int slot = before + sums[local] - count;
        for (int i = 0; i < TOKENS / LOCAL; i++) {
            int token = group * TOKENS + i * LOCAL + local;
            if (token < n) {
                if (y.get(from + token) >= bound) {
                    if (slot < slots) {
                        found.set(context.groupIdy * slots + slot, token);
                    }
                    slot++;
                }
            }
        }
        if (group == groups - 1 && local == LOCAL - 1) {
            totals.set(context.groupIdy, before + sums[local]);
        }
    }

    /**
     * Exact logits of the tokens that were found: slots / (LOCAL / GATHER_LANES) groups along x, one along y for each
     * hidden state.
     *
     * @param found [M, slots]
     * @param totals [M]: slots that hold something
     * @param listed receives [M, 1 + slots], and values [M, 2, slots], as {@link GroupSelect#selectGroups} has them
     * @param flags 1 for a bias, 2 for scores y, 4 for exact logits, added up
     */
    public static void gatherGroups(
            KernelContext context,
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
            int slots) {
        float[] partial = context.allocateFloatLocalArray(LOCAL);
        int local = context.localIdx;
        int lane = local % GATHER_LANES;
        int slot = context.groupIdx * (LOCAL / GATHER_LANES) + local / GATHER_LANES;
        int n = sizes.get(HeadSizes.ROWS);
        int d = sizes.get(HeadSizes.COLUMNS);
        int place = context.groupIdy * slots + slot;
        boolean filled = slot < totals.get(context.groupIdy);
        int id = filled ? found.get(place) : 0;
        int end = filled && (flags & 4) != 0 ? d : 0;
        float sum = 0.0f;
        for (int i = lane; i < end; i += GATHER_LANES) {
            sum += h.get(context.groupIdy * d + i) * w.get(id * d + i);
        }
        partial[local] = sum;
        for (int stride = GATHER_LANES / 2; stride > 0; stride >>= 1) {
            context.localBarrier();
            if (lane < stride) {
                partial[local] += partial[local + stride];
            }
        }
        if (lane == 0) {
            float score = 0.0f;
            float logit = partial[local];
            if (filled && (flags & 2) != 0) {
                score = y.get(context.groupIdy * n + id);
            }
            if (filled && (flags & 1) != 0) {
                logit += bias.get(id);
            }
            listed.set(context.groupIdy * (slots + 1) + 1 + slot, filled ? id : -1);
            values.set(2 * context.groupIdy * slots + slot, score);
            values.set((2 * context.groupIdy + 1) * slots + slot, (flags & 4) != 0 ? logit : score);
            if (slot == 0) {
                listed.set(context.groupIdy * (slots + 1), totals.get(context.groupIdy));
            }
        }
    }
}
