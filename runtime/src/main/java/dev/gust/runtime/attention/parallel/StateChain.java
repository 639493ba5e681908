package dev.gust.runtime.attention.parallel;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.LinearAttention;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * How states lie while they go from rank to rank: [HV, C, K] float32, one column of a head's state after the other, since a
 * transition works on each column alone and states can so be sent in blocks of columns. The columns of a head are the logarithms
 * of its scales, if the kind has them; those of S; and the normaliser z, if there is one.
 *
 * @param kind what a part does to a state
 * @param heads HV
 * @param keyDim K
 * @param valueDim V
 * @param normalizer whether z is a column of its own
 */
public record StateChain(Kind kind, int heads, int keyDim, int valueDim, boolean normalizer) {
    /** What a part does to the state before it. */
    public enum Kind {
        /** Each channel times exp Σ g: the transition is [HV, K]. */
        DIAGONAL,
        /** A matrix times the state: the transition is [HV, K, K], column after column. */
        MATRIX,
        /**
         * States are divided by exp of a scale that is the largest of what came: mlstm's m. The transition is the sum of the
         * logarithms of the decays, [HV, K].
         */
        LARGEST,
        /** States are divided by exp of a logarithm of a sum: lightnet's z. The transition is as before, and 0. */
        LOG_SUM
    }

    /** The chain of a rule.
     *
     * @param carried what the rule's plans carry
     * @throws UsageException if parts of the rule cannot run before the state ahead of them is known
     */
    static StateChain of(LinearAttention attention, AttentionSizes sizes, List<StateTensor> carried) {
        List<String> names = carried.stream().map(StateTensor::name).toList();
        if (names.contains("d")) {
            throw new UsageException(
                    "rule " + attention.rule()
                            + " cannot be split: the scales d that a part begins with change its keys,"
                            + " so no part can begin before the one ahead of it ends",
                    "run it on one device");
        }
        if (names.contains("levels")) {
            throw new UsageException(
                    "rule " + attention.rule()
                            + " cannot be split: which of its states a token goes to depends on its place in the sequence,"
                            + " and parts are run as if they began it",
                    "run it on one device");
        }
        Kind kind = Kind.DIAGONAL;
        if (names.contains("m")) {
            kind = Kind.LARGEST;
        } else if (attention.rule().equals("lightnet")) {
            kind = Kind.LOG_SUM;
        } else if (attention.mixesChannels()) {
            kind = Kind.MATRIX;
        }
        return new StateChain(
                kind,
                sizes.valueHeads(),
                sizes.keyDim(),
                sizes.valueDim(),
                kind != Kind.LOG_SUM && names.contains("z"));
    }

    /** Whether the first column of a head holds logarithms of scales. */
    boolean hasScales() {
        return kind == Kind.LARGEST || kind == Kind.LOG_SUM;
    }

    /** C. */
    public int headColumns() {
        return valueDim + (hasScales() ? 1 : 0) + (normalizer ? 1 : 0);
    }

    /** Columns of all heads. */
    public long columns() {
        return (long) heads * headColumns();
    }

    /** Bytes of some columns. */
    public long columnBytes(long columns) {
        return columns * keyDim * Float.BYTES;
    }

    public long stateBytes() {
        return columnBytes(columns());
    }

    public long transitionBytes() {
        return columnBytes((long) heads * (kind == Kind.MATRIX ? keyDim : 1));
    }

    /** Makes a state one of which nothing is kept: zeros, and scales of −∞. */
    void empty(MemorySegment state) {
        state.fill((byte) 0);
        for (int h = 0; h < heads && hasScales(); h++) {
            long at = (long) h * headColumns() * keyDim;
            for (int d = 0; d < keyDim; d++) {
                state.setAtIndex(ValueLayout.JAVA_FLOAT, at + d, Float.NEGATIVE_INFINITY);
            }
        }
    }
}
