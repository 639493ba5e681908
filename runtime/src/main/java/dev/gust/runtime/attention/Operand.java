package dev.gust.runtime.attention;

import java.util.List;

/**
 * A tensor that a rule takes.
 *
 * @param name as the command line and the API call it
 * @param extent its shape
 * @param optional whether it may be left out
 * @param range what its numbers may be
 */
record Operand(String name, Extent extent, boolean optional, Range range) {
    /** What numbers a tensor may have: see {@link Gates}. */
    enum Range {
        /** Anything: it is not looked through. */
        ANY,
        /** Anything but NaN and ∞. */
        FINITE,
        /** Logarithms: −∞ too, which forgets all or writes nothing. */
        LOGARITHM;

        boolean holds(float value) {
            return this == ANY
                    || value < Float.POSITIVE_INFINITY && (this == LOGARITHM || value > Float.NEGATIVE_INFINITY);
        }
    }

    /** Shapes of operands, behind [B, T] where they have tokens. */
    enum Extent {
        /** [B,T,H,K]. */
        QUERY("[B,T,H,K]"),
        /** [B,T·steps,H,K]. */
        KEY_STEPS("[B,T·steps,H,K]"),
        /** [B,T,HV,V]. */
        VALUE("[B,T,HV,V]"),
        /** [B,T·steps,HV,V]. */
        VALUE_STEPS("[B,T·steps,HV,V]"),
        /** [B,T,HV]. */
        HEAD("[B,T,HV]"),
        /** [B,T·steps,HV]. */
        HEAD_STEPS("[B,T·steps,HV]"),
        /** [B,T,HV,K]. */
        CHANNEL("[B,T,HV,K]"),
        /** [B,T,HV] or [B,T,HV,K]. */
        HEAD_OR_CHANNEL("[B,T,HV] or [B,T,HV,K]"),
        /** [HV,K], for all tokens. */
        HEAD_CHANNELS("[HV,K]"),
        /** [B,T,HV,levels]. */
        HEAD_LEVELS("[B,T,HV,levels]"),
        /** [HV], for all tokens. */
        HEADS("[HV]"),
        /** [K,K], for all heads. */
        SQUARE("[K,K]"),
        /** [K] or [1,K], for all heads. */
        ROW("[K]");

        private final String shape;

        Extent(String shape) {
            this.shape = shape;
        }

        /** The shape in the letters of the command line. */
        String shape() {
            return shape;
        }

        /**
         * Elements for so many tokens; of {@link #HEAD_OR_CHANNEL} the fewer.
         *
         * @param multiple steps or levels, whichever the rule has
         */
        long elements(AttentionSizes sizes, long tokens, int multiple) {
            long heads = sizes.valueHeads();
            return switch (this) {
                case QUERY -> tokens * sizes.heads() * sizes.keyDim();
                case KEY_STEPS -> tokens * multiple * sizes.heads() * sizes.keyDim();
                case VALUE -> tokens * heads * sizes.valueDim();
                case VALUE_STEPS -> tokens * multiple * heads * sizes.valueDim();
                case HEAD, HEAD_OR_CHANNEL -> tokens * heads;
                case HEAD_STEPS -> tokens * multiple * heads;
                case CHANNEL -> tokens * heads * sizes.keyDim();
                case HEAD_CHANNELS -> heads * sizes.keyDim();
                case HEAD_LEVELS -> tokens * heads * multiple;
                case HEADS -> heads;
                case SQUARE -> (long) sizes.keyDim() * sizes.keyDim();
                case ROW -> sizes.keyDim();
            };
        }

        /** The shapes that it may have, with tokens as [batch, tokens]. */
        List<List<Long>> shapes(AttentionSizes sizes, long batch, long tokens, int multiple) {
            long heads = sizes.heads();
            long valueHeads = sizes.valueHeads();
            long keyDim = sizes.keyDim();
            long valueDim = sizes.valueDim();
            return switch (this) {
                case QUERY -> List.of(List.of(batch, tokens, heads, keyDim));
                case KEY_STEPS -> List.of(List.of(batch, tokens * multiple, heads, keyDim));
                case VALUE -> List.of(List.of(batch, tokens, valueHeads, valueDim));
                case VALUE_STEPS -> List.of(List.of(batch, tokens * multiple, valueHeads, valueDim));
                case HEAD -> List.of(List.of(batch, tokens, valueHeads));
                case HEAD_STEPS -> List.of(List.of(batch, tokens * multiple, valueHeads));
                case CHANNEL -> List.of(List.of(batch, tokens, valueHeads, keyDim));
                case HEAD_OR_CHANNEL ->
                    List.of(List.of(batch, tokens, valueHeads), List.of(batch, tokens, valueHeads, keyDim));
                case HEAD_CHANNELS -> List.of(List.of(valueHeads, keyDim));
                case HEAD_LEVELS -> List.of(List.of(batch, tokens, valueHeads, (long) multiple));
                case HEADS -> List.of(List.of(valueHeads));
                case SQUARE -> List.of(List.of(keyDim, keyDim));
                case ROW -> List.of(List.of(keyDim), List.of(1L, keyDim));
            };
        }

        /** Whether so many elements are right. */
        boolean fits(long elements, AttentionSizes sizes, long tokens, int multiple) {
            return elements == elements(sizes, tokens, multiple)
                    || (this == HEAD_OR_CHANNEL && elements == CHANNEL.elements(sizes, tokens, multiple));
        }
    }

    static Operand of(String name, Extent extent) {
        return new Operand(name, extent, false, Range.ANY);
    }

    /** A factor, or a weight. */
    static Operand gate(String name, Extent extent) {
        return new Operand(name, extent, false, Range.FINITE);
    }

    /** A gate that is given as its logarithm. */
    static Operand logGate(String name, Extent extent) {
        return new Operand(name, extent, false, Range.LOGARITHM);
    }

    static Operand optionalLogGate(String name, Extent extent) {
        return new Operand(name, extent, true, Range.LOGARITHM);
    }
}
