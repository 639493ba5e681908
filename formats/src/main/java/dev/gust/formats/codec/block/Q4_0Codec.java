package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q4_0: f16 d, 16 bytes with element j in the low and element j+16 in the high nibble; x = d·(q − 8). The value of
 * largest magnitude maps to −8·d exactly, so d may be negative.
 */
final class Q4_0Codec extends DirectBlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 18;

    Q4_0Codec() {
        super(DType.Q4_0);
    }

    @Override
    void decodeChunk(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        int blocks = (int) (count / BLOCK);
        for (int b = 0; b < blocks; b++) {
            long block = from + (long) STRIDE * b;
            long out = to + 4L * BLOCK * b;
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, block));
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                IntVector q = CodeLanes.loadBytes(stored, block + 2 + j);
                Lanes.store(Lanes.toFloat(q.and(15).sub(8)).mul(d), floats, out + 4 * j);
                IntVector high = q.lanewise(VectorOperators.LSHR, 4).sub(8);
                Lanes.store(Lanes.toFloat(high).mul(d), floats, out + 2 * BLOCK + 4 * j);
            }
        }
    }

    @Override
    void encodeChunk(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        int blocks = (int) (count / BLOCK);
        float[] extremes = new float[blocks];
        Extremes.ofLargestMagnitude(floats, from, BLOCK, extremes);
        storeScales(extremes, stored, to);
        storeCodes(floats, from, extremes, stored, to);
    }

    /** Writes the scales, and puts their reciprocals in the extremes' place. */
    private static void storeScales(float[] extremes, MemorySegment stored, long to) {
        for (int b = 0; b < extremes.length; b++) {
            float d = extremes[b] / -8;
            extremes[b] = d == 0 ? 0 : 1 / d;
            Lanes.setHalf(stored, to + (long) STRIDE * b, d);
        }
    }

    private static void storeCodes(
            MemorySegment floats, long from, float[] reciprocals, MemorySegment stored, long to) {
        for (int b = 0; b < reciprocals.length; b++) {
            float id = reciprocals[b];
            long codes = to + (long) STRIDE * b + 2;
            if (Float.isInfinite(id)) {
                // |d| < 2^-128: the reference converts infinities and NaN to int, which gives 0 on x86.
                stored.set(Lanes.LONG, codes, 0);
                stored.set(Lanes.LONG, codes + 8, 0);
                continue;
            }
            for (int j = 0; j < BLOCK / 2; j += LANES) {
                long at = from + 4L * BLOCK * b + 4 * j;
                IntVector low = codes(floats, at, id);
                IntVector high = codes(floats, at + 2 * BLOCK, id);
                CodeLanes.storeBytes(low.or(high.lanewise(VectorOperators.LSHL, 4)), stored, codes + j);
            }
        }
    }

    private static IntVector codes(MemorySegment floats, long at, float id) {
        return Lanes.toInt(Lanes.floats(floats, at).mul(id).add(8.5f)).min(15);
    }
}
