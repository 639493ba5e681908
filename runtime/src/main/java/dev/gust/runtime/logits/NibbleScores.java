package dev.gust.runtime.logits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.IntStream;

/**
 * Scores from codes of 4 bits, as tuned kernels make them: hidden states are rounded to 7 bits for each 32 columns, and products
 * of a block are summed in integers of 16 bits, 32 tokens at a time. A product by rows, as of any weight, would add up lanes
 * for each token, which takes longer than multiplying where rows are short.
 */
final class NibbleScores implements TokenScores {
    /** Magnitudes of a rounded hidden state: 32 products of it with codes up to 15 fit 16 bits. */
    static final int MOST = 63;

    /** What is added to values to make them codes. */
    private static final int MIDDLE = 8;

    private static final int BLOCK = Screen.Int4.BLOCK;

    private final int d;
    private final int blocks;
    private final MemorySegment codes;
    private final MemorySegment scales;

    /**
     * A rounded hidden state: h ≈ units · step of the block.
     *
     * @param units [blocks, 32]
     * @param steps [blocks]
     * @param offsets [blocks]: what codes add to sums of products, as they are not values
     */
    @SuppressWarnings("ArrayRecordComponent") // read by inner loops
    record Rounded(short[] units, float[] steps, int[] offsets) {}

    NibbleScores(int v, int d, Screen.Int4 screen) {
        this.d = d;
        this.blocks = screen.width() / BLOCK;
        int tiles = Math.ceilDiv(v, TILE);
        // Not of this thread alone, and there as long as this object.
        Arena arena = Arena.ofAuto();
        this.codes = arena.allocate((long) tiles * blocks * NibbleLanes.BLOCK_BYTES, 64);
        this.scales = arena.allocate((long) tiles * blocks * TILE * Short.BYTES, 64);
        IntStream.range(0, tiles).parallel().forEach(tile -> pack(screen, tile, Math.min(TILE, v - tile * TILE)));
    }

    private void pack(Screen.Int4 screen, int tile, int count) {
        byte[] row = new byte[blocks * BLOCK / 2];
        for (int i = 0; i < count; i++) {
            long token = (long) tile * TILE + i;
            MemorySegment.copy(screen.codes(), ValueLayout.JAVA_BYTE, token * row.length, row, 0, row.length);
            for (int word = 0; word < row.length / 2; word++) {
                // Four columns: two bytes as they are.
                short four = (short) ((row[2 * word] & 0xFF) | row[2 * word + 1] << 8);
                codes.set(ValueLayout.JAVA_SHORT, NibbleLanes.place(tile * blocks, word, i), four);
            }
            for (int block = 0; block < blocks; block++) {
                short scale = screen.scales().get(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * (token * blocks + block));
                scales.setAtIndex(ValueLayout.JAVA_SHORT, ((long) tile * blocks + block) * TILE + i, scale);
            }
        }
    }

    @Override
    public Panel panel(MemorySegment h, int firstRow, int rows) {
        var byRow = new Rounded[rows];
        for (int row = 0; row < rows; row++) {
            byRow[row] = round(h, firstRow + row);
        }
        return (row, first, count, to) -> NibbleLanes.scores(codes, scales, first / TILE, blocks, byRow[row], to);
    }

    /** Rounds a hidden state. */
    Rounded round(MemorySegment h, int row) {
        short[] units = new short[blocks * BLOCK];
        float[] steps = new float[blocks];
        int[] offsets = new int[blocks];
        for (int block = 0; block < blocks; block++) {
            int end = Math.min(d, (block + 1) * BLOCK);
            float most = 0;
            for (int i = block * BLOCK; i < end; i++) {
                most = Math.max(most, Math.abs(value(h, row, i)));
            }
            steps[block] = most / MOST;
            for (int i = block * BLOCK; i < end; i++) {
                units[i] = most > 0 ? (short) Math.round((double) value(h, row, i) / most * MOST) : 0;
                offsets[block] -= MIDDLE * units[i];
            }
        }
        return new Rounded(units, steps, offsets);
    }

    private float value(MemorySegment h, int row, int column) {
        return h.get(HeadCall.F32, 4 * ((long) row * d + column));
    }
}
