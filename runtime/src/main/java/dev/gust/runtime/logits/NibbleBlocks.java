package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * An INT4 screen as GGUF's Q4_0, for which there are loops: a block of 32 is its scale and 16 bytes, of which the low
 * nibbles are the first half and the high ones the second. The same values in as many bytes.
 */
final class NibbleBlocks {
    private static final int BLOCK_BYTES = 18;
    private static final int HALF = 16;

    private NibbleBlocks() {}

    static LinearWeight of(int v, Screen.Int4 screen) {
        long blocks = (long) v * (screen.width() / Screen.Int4.BLOCK);
        MemorySegment packed = Arena.ofAuto().allocate(blocks * BLOCK_BYTES, 64);
        byte[] in = new byte[HALF];
        byte[] out = new byte[HALF];
        for (long b = 0; b < blocks; b++) {
            MemorySegment.copy(screen.codes(), ValueLayout.JAVA_BYTE, b * HALF, in, 0, HALF);
            for (int i = 0; i < HALF; i++) {
                out[i] = (byte) (nibble(in, i) | nibble(in, i + HALF) << 4);
            }
            MemorySegment.copy(screen.scales(), 2 * b, packed, b * BLOCK_BYTES, 2);
            MemorySegment.copy(out, 0, packed, ValueLayout.JAVA_BYTE, b * BLOCK_BYTES + 2, HALF);
        }
        return new LinearWeight(
                "codes", v, screen.width(), new WeightFormat.Blocks(DType.Q4_0), packed, MemorySegment.NULL, 1);
    }

    private static int nibble(byte[] codes, int column) {
        return (codes[column / 2] >> (4 * (column & 1))) & 0xF;
    }
}
