package dev.gust.runtime.attention;

import java.lang.foreign.MemorySegment;

/**
 * A normaliser as a column of the state: where v has a column of ones, that column of S is z = Σ k, decayed as S is, and that
 * column of o is scale · (q·z). It stays float32 whatever the inputs were.
 */
final class OnesColumn {
    private OnesColumn() {}

    /**
     * v [rows, V] with a column of ones behind it, in scratch.
     *
     * @param perToken rows to a token
     */
    static MemorySegment of(MemorySegment v, int valueDim, long tokens, int perToken, Scratch scratch) {
        MemorySegment out = scratch.floats("ones", tokens, (long) perToken * (valueDim + 1));
        widen(v, valueDim, tokens * perToken, out, 1);
        return out;
    }

    private static void widen(MemorySegment x, int valueDim, long rows, MemorySegment to, float last) {
        long bytes = (long) valueDim * Float.BYTES;
        for (long row = 0; row < rows; row++) {
            MemorySegment.copy(x, row * bytes, to, row * (bytes + Float.BYTES), bytes);
            RuleCall.set(to, (row + 1) * (valueDim + 1) - 1, last);
        }
    }

    /**
     * Multiplies rows with that column.
     *
     * @param wide [rows, V + 1]
     * @param factors [rows]
     */
    static void multiply(MemorySegment wide, MemorySegment factors, int valueDim) {
        int columns = valueDim + 1;
        for (long row = 0; row < factors.byteSize() / Float.BYTES; row++) {
            float factor = RuleCall.at(factors, row);
            for (int c = 0; c < columns; c++) {
                RuleCall.set(wide, row * columns + c, RuleCall.at(wide, row * columns + c) * factor);
            }
        }
    }

    /** Sizes with that column. */
    static DeltaSizes sizes(DeltaSizes s) {
        return new DeltaSizes(
                s.tokens(),
                s.sequences(),
                s.queryHeads(),
                s.keyHeads(),
                s.eraseHeads(),
                s.valueHeads(),
                s.keyDim(),
                s.valueDim() + 1,
                s.headMap());
    }

    /** What the row of o in {@code raw} is divided by, given its last column. */
    @FunctionalInterface
    interface Divisor {
        double of(long row, float sum);
    }

    /** o [rows, V] from raw [rows, V + 1]. */
    static void divide(MemorySegment raw, MemorySegment o, int valueDim, Divisor divisor) {
        long rows = o.byteSize() / Float.BYTES / valueDim;
        for (long row = 0; row < rows; row++) {
            long from = row * (valueDim + 1);
            double by = divisor.of(row, RuleCall.at(raw, from + valueDim));
            for (int c = 0; c < valueDim; c++) {
                RuleCall.set(o, row * valueDim + c, (float) (RuleCall.at(raw, from + c) / by));
            }
        }
    }

    /** How the gradient of the divisor becomes that of the last column. */
    @FunctionalInterface
    interface DivisorGradient {
        double of(long row, float sum, double dDivisor);
    }

    /**
     * The gradient of raw, from that of o = raw / divisor: for the divisor −Σ dO ∘ raw / divisor².
     *
     * @param raw [rows, V + 1]
     * @param dO [rows, V]
     * @return [rows, V + 1] in scratch
     */
    static MemorySegment divideBackward(
            MemorySegment raw,
            MemorySegment dO,
            int valueDim,
            Divisor divisor,
            DivisorGradient back,
            Scratch scratch,
            int tokens) {
        long rows = dO.byteSize() / Float.BYTES / valueDim;
        MemorySegment dRaw = scratch.floats("dRaw", tokens, tokens == 0 ? 0 : rows / tokens * (valueDim + 1));
        for (long row = 0; row < rows; row++) {
            long at = row * (valueDim + 1);
            float sum = RuleCall.at(raw, at + valueDim);
            double by = divisor.of(row, sum);
            double along = 0;
            for (int c = 0; c < valueDim; c++) {
                float gradient = RuleCall.at(dO, row * valueDim + c);
                RuleCall.set(dRaw, at + c, (float) (gradient / by));
                along += gradient * (RuleCall.at(raw, at + c) / by);
            }
            RuleCall.set(dRaw, at + valueDim, (float) back.of(row, sum, -along / by));
        }
        return dRaw;
    }

    /** The gradient of raw where o is raw without its last column: that of o, and zeros. */
    static MemorySegment widen(MemorySegment dO, AttentionSizes s, int tokens, Scratch scratch) {
        MemorySegment dRaw = scratch.floats("dRaw", tokens, (long) s.valueHeads() * (s.valueDim() + 1));
        widen(dO, s.valueDim(), (long) tokens * s.valueHeads(), dRaw, 0);
        return dRaw;
    }

    /** Where the gradient of v with its column of ones goes, if that of v is wanted. */
    static MemorySegment valueGradients(BackwardCall call, AttentionSizes s, Scratch scratch) {
        return call.wantsAny("v")
                ? scratch.floats("dOnes", call.tokens(), (long) s.valueHeads() * (s.valueDim() + 1))
                : DeltaOperands.NOTHING;
    }

    /** The gradient of v from there. */
    static void finishValueGradients(BackwardCall call, AttentionSizes s, Scratch scratch) {
        if (call.wantsAny("v")) {
            MemorySegment dV = call.wanted("v");
            MemorySegment from = valueGradients(call, s, scratch);
            long bytes = (long) s.valueDim() * Float.BYTES;
            for (long row = 0; row < dV.byteSize() / bytes; row++) {
                MemorySegment.copy(from, row * (bytes + Float.BYTES), dV, row * bytes, bytes);
            }
        }
    }
}
