package dev.gust.runtime.attention;

import dev.gust.kernels.attention.UnitRows;
import java.lang.foreign.MemorySegment;

/**
 * Gradients of q and the keys of each value head, which are then summed over those that share one.
 *
 * @param q [tokens, HV, K]
 * @param k [tokens, HV, K]
 * @param e [tokens, HV, K], or {@link DeltaOperands#NOTHING}
 */
record BackwardHeads(MemorySegment q, MemorySegment k, MemorySegment e) {
    /**
     * The gradient of one vector: the sum over the value heads that use it and, where it was divided by its length, back
     * through that.
     *
     * @param from [tokens, HV, K]
     * @param x [tokens, heads, K], as it was before it was divided
     * @param to receives [tokens, heads, K]
     * @param vector its number, of tokens · heads
     */
    static void sum(
            DeltaSizes sizes,
            boolean unit,
            MemorySegment from,
            MemorySegment x,
            MemorySegment to,
            int heads,
            long vector) {
        int keyDim = sizes.keyDim();
        int valueHeads = sizes.valueHeads();
        int head = (int) (vector % heads);
        int users = valueHeads / heads;
        long firstUser = vector / heads * valueHeads + sizes.headMap().firstUser(head, valueHeads, heads);
        int stride = sizes.headMap().userStride(heads);
        double squares = UnitRows.EPSILON;
        double along = 0;
        for (int d = 0; d < keyDim; d++) {
            float sum = 0;
            for (int j = 0; j < users; j++) {
                sum += RuleCall.at(from, (firstUser + (long) j * stride) * keyDim + d);
            }
            RuleCall.set(to, vector * keyDim + d, sum);
            float value = RuleCall.at(x, vector * keyDim + d);
            squares += (double) value * value;
            along += (double) value * sum;
        }
        if (unit) {
            double factor = 1 / Math.sqrt(squares);
            double inward = along / squares;
            for (int d = 0; d < keyDim; d++) {
                long at = vector * keyDim + d;
                RuleCall.set(to, at, (float) ((RuleCall.at(to, at) - RuleCall.at(x, at) * inward) * factor));
            }
        }
    }

    /**
     * The gradients of a vector x and of those that were divided by its length, one for each value head that uses it: see
     * {@link dev.gust.kernels.attention.PortableSharedLength}.
     *
     * @param x [tokens, heads, K], as it was before it was divided
     * @param y [tokens, HV, K], likewise
     * @param from of the quotients y [tokens, HV, K]
     * @param dX [tokens, heads, K] as {@link #sum} left it; nothing if it is not wanted
     * @param dY receives [tokens, HV, K]; nothing if it is not wanted
     * @param vector its number, of tokens · heads
     */
    static void share(
            DeltaSizes sizes,
            MemorySegment x,
            MemorySegment y,
            MemorySegment from,
            MemorySegment dX,
            MemorySegment dY,
            int heads,
            long vector) {
        int keyDim = sizes.keyDim();
        int valueHeads = sizes.valueHeads();
        double squares = UnitRows.EPSILON;
        for (int d = 0; d < keyDim; d++) {
            double value = RuleCall.at(x, vector * keyDim + d);
            squares += value * value;
        }
        double factor = 1 / Math.sqrt(squares);
        double along = 0;
        int head = (int) (vector % heads);
        long firstUser = vector / heads * valueHeads + sizes.headMap().firstUser(head, valueHeads, heads);
        for (int j = 0; j < valueHeads / heads; j++) {
            long at = (firstUser + (long) j * sizes.headMap().userStride(heads)) * keyDim;
            for (int d = 0; d < keyDim; d++) {
                float gradient = RuleCall.at(from, at + d);
                along += (double) RuleCall.at(y, at + d) * gradient;
                if (DeltaGradients.wanted(dY)) {
                    RuleCall.set(dY, at + d, (float) (gradient * factor));
                }
            }
        }
        double inward = along * factor / squares;
        for (int d = 0; d < keyDim && DeltaGradients.wanted(dX); d++) {
            long at = vector * keyDim + d;
            RuleCall.set(dX, at, (float) (RuleCall.at(dX, at) - RuleCall.at(x, at) * inward));
        }
    }
}
