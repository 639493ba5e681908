package dev.gust.runtime.matmul.jvm;

import java.lang.foreign.MemorySegment;

/** Float32 scratch of one thread, as an array for loops and as a segment for codecs. */
final class Tile {
    final float[] values;
    final MemorySegment segment;

    Tile(int length) {
        values = new float[length];
        segment = MemorySegment.ofArray(values);
    }
}
