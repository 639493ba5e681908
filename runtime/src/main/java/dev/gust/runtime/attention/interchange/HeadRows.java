package dev.gust.runtime.attention.interchange;

import dev.gust.formats.InputException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Rows of float32 that belong to heads. */
final class HeadRows {
    private HeadRows() {}

    /**
     * Every row {@code times} times, one after the other: heads that share a row get one each.
     *
     * @param x [rows, elements]
     */
    static MemorySegment repeated(MemorySegment x, long elements, int times, Arena arena) {
        if (times == 1 || x.byteSize() == 0) {
            return x;
        }
        long bytes = elements * Float.BYTES;
        long rows = x.byteSize() / bytes;
        MemorySegment all = arena.allocate(x.byteSize() * times, 64);
        for (long row = 0; row < rows; row++) {
            for (int i = 0; i < times; i++) {
                MemorySegment.copy(x, row * bytes, all, (row * times + i) * bytes, bytes);
            }
        }
        return all;
    }

    /**
     * Checks a tensor's size before it is rearranged.
     *
     * @param where the operator
     * @param shape in the operator's letters
     * @throws InputException if it has another
     */
    static void require(String where, String name, MemorySegment x, long elements, String shape) {
        if (x.byteSize() != elements * Float.BYTES) {
            throw InputException.ofTensor(
                    where,
                    name,
                    "has " + x.byteSize() / Float.BYTES + " elements where " + elements + " are wanted",
                    "give it as " + shape);
        }
    }

    /** The first of every {@code times} rows. */
    static void firsts(MemorySegment all, MemorySegment x, long elements, int times) {
        long bytes = elements * Float.BYTES;
        for (long row = 0; row < x.byteSize() / bytes; row++) {
            MemorySegment.copy(all, row * times * bytes, x, row * bytes, bytes);
        }
    }

    /**
     * Matrices with rows and columns exchanged.
     *
     * @param x [n, rows, columns]
     * @param y receives [n, columns, rows]
     */
    static void transpose(MemorySegment x, MemorySegment y, int rows, int columns) {
        long size = (long) rows * columns;
        for (long at = 0; at < x.byteSize() / Float.BYTES; at += size) {
            for (int r = 0; r < rows; r++) {
                for (int c = 0; c < columns; c++) {
                    long from = (at + (long) r * columns + c) * Float.BYTES;
                    long to = (at + (long) c * rows + r) * Float.BYTES;
                    MemorySegment.copy(x, from, y, to, Float.BYTES);
                }
            }
        }
    }
}
