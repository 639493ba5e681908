package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/** Q8_K: f32 d, 256 signed bytes, 16 sums that only dot products need; x = d·q. */
final class Q8KCodec extends BlockCodec.DecodeOnly {
    private static final int BLOCK = 256;
    private static final int STRIDE = 292;

    Q8KCodec() {
        super(DType.Q8_K);
    }

    @Override
    void decodeBlocks(MemorySegment stored, long from, MemorySegment floats, long to, long blocks) {
        for (long b = 0; b < blocks; b++, from += STRIDE, to += 4 * BLOCK) {
            FloatVector d = FloatVector.broadcast(F, stored.get(Lanes.F32, from));
            for (int j = 0; j < BLOCK; j += LANES) {
                Lanes.toFloat(Lanes.signedBytes(stored, from + 4 + j))
                        .mul(d)
                        .intoMemorySegment(floats, to + 4L * j, Lanes.LE);
            }
        }
    }
}
