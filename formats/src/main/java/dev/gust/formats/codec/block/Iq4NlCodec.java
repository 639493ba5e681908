package dev.gust.formats.codec.block;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;

/** IQ4_NL: Q4_0's layout with codes that index a table of 16 unevenly spaced values; x = d·table[q]. */
final class Iq4NlCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 32;
    private static final int STRIDE = 18;
    private static final int[] VALUES = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    Iq4NlCodec() {
        super(DType.IQ4_NL);
    }

    @Override
    void decodeBlocks(MemorySegment stored, long from, MemorySegment floats, long to, long blocks) {
        for (long b = 0; b < blocks; b++, from += STRIDE, to += 4 * BLOCK) {
            decode32(stored, from + 2, Lanes.half(stored, from), floats, to);
        }
    }

    /** Decodes 32 elements from 16 bytes, element j in the low and j+16 in the high nibble. */
    static void decode32(MemorySegment stored, long from, float scale, MemorySegment floats, long to) {
        for (int j = 0; j < 16; j++) {
            int pair = stored.get(Lanes.I8, from + j) & 0xFF;
            floats.set(Lanes.F32, to + 4L * j, scale * VALUES[pair & 15]);
            floats.set(Lanes.F32, to + 64 + 4L * j, scale * VALUES[pair >> 4]);
        }
    }
}
