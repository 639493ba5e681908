package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;
import java.util.Map;

/**
 * Between states as users see them, "state" [n, HV, K, V] and perhaps "z" [n, HV, K], and those of the step,
 * [n, HV, K, V] or, with z as the last column, [n, HV, K, V + 1].
 *
 * @param factors whether users' states are the step's times {@link AttentionRule#stateFactor}, or divided by it, as gradients are
 */
record UserStates(AttentionSizes sizes, AttentionRule<?> rule, Factors factors) {
    static final String STATE = "state";

    static final String NORMALIZER = "z";

    enum Factors {
        TIMES,
        DIVIDED
    }

    /** Whether there is something of the step's states among them: another rule may carry a z of its own, on the host. */
    boolean among(Map<String, MemorySegment> states) {
        return states.containsKey(rule.state(sizes).name())
                || rule.lastColumn(sizes)
                        .filter(c -> states.containsKey(c.name()))
                        .isPresent();
    }

    /** Bytes of the step's states of {@code n} sequences. */
    long bytes(int n) {
        return n * rows() * columns() * Float.BYTES;
    }

    private long rows() {
        return rule.state(sizes).elements() / sizes.valueDim();
    }

    private int columns() {
        return sizes.valueDim() + (rule.lastColumn(sizes).isPresent() ? 1 : 0);
    }

    /** From users' to the step's; columns that users left out stay as they are. */
    void in(Map<String, MemorySegment> states, MemorySegment ours, int n) {
        rearrange(states, ours, n, true);
    }

    /** From the step's to users'. */
    void out(MemorySegment ours, Map<String, MemorySegment> states, int n) {
        rearrange(states, ours, n, false);
    }

    private void rearrange(Map<String, MemorySegment> states, MemorySegment ours, int n, boolean in) {
        int valueDim = sizes.valueDim();
        int columns = columns();
        MemorySegment state = states.get(rule.state(sizes).name());
        MemorySegment z = rule.lastColumn(sizes).map(c -> states.get(c.name())).orElse(null);
        long headRows = rows() / sizes.valueHeads();
        for (long row = 0; row < n * rows(); row++) {
            float factor = rule.stateFactor((int) (row / headRows % sizes.valueHeads()));
            boolean divide = in == (factors == Factors.TIMES);
            for (int c = 0; c < valueDim && state != null; c++) {
                long user = row * valueDim + c;
                long own = row * columns + c;
                float value = in ? RuleCall.at(state, user) : RuleCall.at(ours, own);
                float other = divide ? value / factor : value * factor;
                if (in) {
                    RuleCall.set(ours, own, other);
                } else {
                    RuleCall.set(state, user, other);
                }
            }
            if (z != null && in) {
                RuleCall.set(ours, row * columns + valueDim, RuleCall.at(z, row));
            } else if (z != null) {
                RuleCall.set(z, row, RuleCall.at(ours, row * columns + valueDim));
            }
        }
    }
}
