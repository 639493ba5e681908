package dev.gust.formats.onnx;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Transposes matrices of elements of 1, 2, 4 or 8 bytes. Column by column, every element would come from another cache
 * line and page, and rows that are a power of two apart would all fall on the same few lines of the cache. So square
 * tiles are copied row by row into an array, turned there, and copied out row by row: memory sees only runs.
 */
final class Transposition {
    /** Both tiles of 8-byte elements fit the second-level cache, those of 4 bytes nearly the first. */
    private static final int TILE = 64;

    /** One element more than the tile, so that a column of it spreads over all lines of the cache. */
    private static final int STRIDE = TILE + 1;

    // Elements only move: the machine's own byte order is as good as any, and fastest.
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;

    private Transposition() {}

    /** A tile's way from one matrix to the other, for one width of elements. */
    private interface Tile {
        /**
         * Moves a tile of {@code rows} x {@code columns} elements.
         *
         * @param offset where it begins, in elements
         * @param pitch elements from one row to the next
         * @param toOffset where its transpose begins
         * @param toPitch elements from one row of the transpose to the next
         */
        void move(
                MemorySegment from,
                long offset,
                long pitch,
                MemorySegment to,
                long toOffset,
                long toPitch,
                int rows,
                int columns);
    }

    /**
     * Writes the transpose.
     *
     * @param from {@code rows} x {@code columns} elements, row-major
     * @param to receives {@code columns} x {@code rows} elements
     * @param elementBytes 1, 2, 4 or 8
     */
    static void transpose(MemorySegment from, long rows, long columns, int elementBytes, MemorySegment to) {
        // No columns of very many rows are no elements, but would take very many steps.
        if (rows == 0 || columns == 0) {
            return;
        }
        Tile tile = switch (elementBytes) {
            case 1 -> new Bytes();
            case 2 -> new Shorts();
            case 4 -> new Ints();
            case 8 -> new Longs();
            default -> throw new IllegalArgumentException("elements of " + elementBytes + " bytes");
        };
        for (long row = 0; row < rows; row += TILE) {
            int tileRows = (int) Math.min(TILE, rows - row);
            for (long column = 0; column < columns; column += TILE) {
                int tileColumns = (int) Math.min(TILE, columns - column);
                tile.move(from, row * columns + column, columns, to, column * rows + row, rows, tileRows, tileColumns);
            }
        }
    }

    // The same three loops for each width: a layout and an array type that are constants compile to plain moves.

    private static final class Bytes implements Tile {
        private final byte[] tile = new byte[TILE * STRIDE];
        private final byte[] line = new byte[TILE];

        @Override
        public void move(
                MemorySegment from,
                long offset,
                long pitch,
                MemorySegment to,
                long toOffset,
                long toPitch,
                int rows,
                int columns) {
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offset + r * pitch, tile, r * STRIDE, columns);
            }
            for (int c = 0; c < columns; c++) {
                for (int r = 0; r < rows; r++) {
                    line[r] = tile[r * STRIDE + c];
                }
                MemorySegment.copy(line, 0, to, ValueLayout.JAVA_BYTE, toOffset + c * toPitch, rows);
            }
        }
    }

    private static final class Shorts implements Tile {
        private final short[] tile = new short[TILE * STRIDE];
        private final short[] line = new short[TILE];

        @Override
        public void move(
                MemorySegment from,
                long offset,
                long pitch,
                MemorySegment to,
                long toOffset,
                long toPitch,
                int rows,
                int columns) {
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(from, SHORT, 2 * (offset + r * pitch), tile, r * STRIDE, columns);
            }
            for (int c = 0; c < columns; c++) {
                for (int r = 0; r < rows; r++) {
                    line[r] = tile[r * STRIDE + c];
                }
                MemorySegment.copy(line, 0, to, SHORT, 2 * (toOffset + c * toPitch), rows);
            }
        }
    }

    private static final class Ints implements Tile {
        private final int[] tile = new int[TILE * STRIDE];
        private final int[] line = new int[TILE];

        @Override
        public void move(
                MemorySegment from,
                long offset,
                long pitch,
                MemorySegment to,
                long toOffset,
                long toPitch,
                int rows,
                int columns) {
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(from, INT, 4 * (offset + r * pitch), tile, r * STRIDE, columns);
            }
            for (int c = 0; c < columns; c++) {
                for (int r = 0; r < rows; r++) {
                    line[r] = tile[r * STRIDE + c];
                }
                MemorySegment.copy(line, 0, to, INT, 4 * (toOffset + c * toPitch), rows);
            }
        }
    }

    private static final class Longs implements Tile {
        private final long[] tile = new long[TILE * STRIDE];
        private final long[] line = new long[TILE];

        @Override
        public void move(
                MemorySegment from,
                long offset,
                long pitch,
                MemorySegment to,
                long toOffset,
                long toPitch,
                int rows,
                int columns) {
            for (int r = 0; r < rows; r++) {
                MemorySegment.copy(from, LONG, 8 * (offset + r * pitch), tile, r * STRIDE, columns);
            }
            for (int c = 0; c < columns; c++) {
                for (int r = 0; r < rows; r++) {
                    line[r] = tile[r * STRIDE + c];
                }
                MemorySegment.copy(line, 0, to, LONG, 8 * (toOffset + c * toPitch), rows);
            }
        }
    }
}
