package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Scratch of one thread in which pieces of rows are restored. Stored bytes are copied out of their segment first: loops over
 * arrays compile to the same code whatever kinds of segments a program uses, while loops over segments slow down by half
 * once a program has used several, and the copy costs a tenth to a sixth.
 */
public final class Tile {
    /** Loops over packed codes load whole words. */
    private static final int READ_BEYOND = 16;

    /** Codes as they were stored. */
    final byte[] stored;

    /** 16-bit numbers as they were stored. */
    final short[] halves;

    /** Restored float32, as an array for loops and as a segment for codecs. */
    public final float[] values;

    final MemorySegment segment;

    /**
     * @param rows rows
     * @param length elements to a row
     */
    public Tile(int rows, int length) {
        stored = new byte[length + READ_BEYOND];
        halves = new short[length];
        values = new float[rows * length];
        segment = MemorySegment.ofArray(values);
    }

    /** Copies bytes to the start of {@link #stored}. */
    void load(MemorySegment from, long at, int bytes) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, at, stored, 0, bytes);
    }
}
