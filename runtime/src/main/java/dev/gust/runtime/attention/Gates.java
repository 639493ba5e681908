package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Operand.Range;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Looks gates through before anything runs: one bad number spoils a state for ever. */
final class Gates {
    /** Bits of +∞; those of a NaN without its sign are more. */
    private static final int INFINITE = 0x7F800000;

    private static final int BLOCK = 1 << 14;

    private Gates() {}

    /**
     * @param where what errors name
     * @param gate float32
     * @throws InputException if it has a number that it may not have
     */
    static void require(String where, String name, Range range, MemorySegment gate) {
        long elements = gate.byteSize() / Float.BYTES;
        for (long from = 0; from < elements && range != Range.ANY; from += BLOCK) {
            int count = (int) Math.min(BLOCK, elements - from);
            if (!mayHold(range, gate.asSlice(from * Float.BYTES, (long) count * Float.BYTES), count)) {
                throw found(where, name, range, gate, from);
            }
        }
    }

    /** Greatest bits, with and without signs: loops without branches, which become vectors. */
    private static boolean mayHold(Range range, MemorySegment part, int count) {
        int greatest = Integer.MIN_VALUE;
        int farthest = 0;
        for (int i = 0; i < count; i++) {
            int bits = part.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i);
            greatest = Math.max(greatest, bits);
            farthest = Math.max(farthest, bits & Integer.MAX_VALUE);
        }
        return range == Range.LOGARITHM ? greatest < INFINITE && farthest <= INFINITE : farthest < INFINITE;
    }

    private static InputException found(String where, String name, Range range, MemorySegment gate, long from) {
        long i = from;
        while (range.holds(RuleCall.at(gate, i))) {
            i++;
        }
        return InputException.ofTensor(
                where, name, "is " + RuleCall.at(gate, i) + " at element " + i, "mend the gates before they are used");
    }
}
