package dev.gust.runtime.layer;

import dev.gust.formats.InputException;
import dev.gust.runtime.attention.Sequences;
import java.lang.foreign.MemorySegment;

/**
 * What every way of convolving asks of its arguments, and how users' states [n, D, W − 1] lie on a device: [n, W − 1, D].
 *
 * @param tokens most in one call
 * @param sequences most in one call
 */
record ConvCheck(CausalConv conv, int tokens, int sequences) {
    /** @throws InputException if something does not fit */
    void call(MemorySegment x, Sequences call, MemorySegment y) {
        if (call.tokens() > tokens || call.count() > sequences) {
            throw InputException.ofTensor(
                    CausalConv.NAME,
                    "x",
                    "has " + call.tokens() + " tokens in " + call.count() + " sequences for a plan of at most " + tokens
                            + " in " + sequences,
                    "prepare a larger plan, or give fewer at a time");
        }
        long elements = (long) call.tokens() * conv.channels();
        Floats.require(CausalConv.NAME, "x", x, elements, "[tokens, D]");
        Floats.require(CausalConv.NAME, "y", y, elements, "[tokens, D]");
    }

    /** @throws InputException if something does not fit */
    void states(MemorySegment states, int n) {
        if (n < 0 || n > sequences) {
            throw InputException.of(
                    CausalConv.NAME,
                    "states of " + n + " sequences for a plan of " + sequences,
                    "prepare a larger plan");
        }
        Floats.require(CausalConv.NAME, "state", states, n * stateElements(), "[n, D, W-1]");
    }

    void sequence(int sequence) {
        if (sequence < 0 || sequence >= sequences) {
            throw InputException.of(
                    CausalConv.NAME, "there is no sequence " + sequence, "name one of 0 to " + (sequences - 1));
        }
    }

    /** Elements of one sequence's state. */
    long stateElements() {
        return (long) conv.channels() * (conv.width() - 1);
    }

    /** Users' states to the device's. */
    void arrange(MemorySegment users, MemorySegment ours, int n) {
        swap(users, ours, n, conv.channels(), conv.width() - 1);
    }

    /** The device's states to users'. */
    void restore(MemorySegment ours, MemorySegment users, int n) {
        swap(ours, users, n, conv.width() - 1, conv.channels());
    }

    /** [n, rows, columns] to [n, columns, rows]. */
    private static void swap(MemorySegment from, MemorySegment to, int n, int rows, int columns) {
        for (int i = 0; i < n; i++) {
            long at = (long) i * rows * columns;
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    Floats.set(to, at + (long) c * rows + r, Floats.at(from, at + (long) r * columns + c));
                }
            }
        }
    }
}
