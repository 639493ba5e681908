package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/** Q8_0: f16 d, 32 signed bytes q; x = d·q, with d = amax/127. */
final class Q8_0Codec extends DirectBlockCodec {
    private static final int BLOCK = 32;
    private static final int STRIDE = 34;

    /**
     * The largest float below ½: adding it with the sign of x and truncating rounds half away from zero, as C's roundf
     * does. Adding ½ itself would carry 0.49999997 up to 1.
     */
    private static final int NEARLY_HALF = Float.floatToRawIntBits(Math.nextDown(0.5f));

    Q8_0Codec() {
        super(DType.Q8_0);
    }

    @Override
    void decodeChunk(MemorySegment stored, long from, MemorySegment floats, long to, long count) {
        int blocks = (int) (count / BLOCK);
        for (int b = 0; b < blocks; b++) {
            long block = from + (long) STRIDE * b;
            FloatVector d = FloatVector.broadcast(F, Lanes.half(stored, block));
            for (int j = 0; j < BLOCK; j += LANES) {
                FloatVector q = Lanes.toFloat(Lanes.signedBytes(stored, block + 2 + j));
                Lanes.store(q.mul(d), floats, to + 4L * BLOCK * b + 4 * j);
            }
        }
    }

    @Override
    void encodeChunk(MemorySegment floats, long from, MemorySegment stored, long to, long count) {
        int blocks = (int) (count / BLOCK);
        int[] maxima = new int[blocks];
        float[] reciprocals = new float[blocks];
        Lanes.maxMagnitudeBits(floats, from, BLOCK, blocks, maxima);
        storeScales(maxima, reciprocals, stored, to);
        storeCodes(floats, from, reciprocals, stored, to);
    }

    private static void storeScales(int[] maxima, float[] reciprocals, MemorySegment stored, long to) {
        for (int b = 0; b < maxima.length; b++) {
            float d = Float.intBitsToFloat(maxima[b]) / 127;
            // The quants use the reciprocal of the float32 scale, not of the stored half. Below 2^-128 it is infinite,
            // and every quant 0.
            float reciprocal = 1 / d;
            reciprocals[b] = reciprocal <= Float.MAX_VALUE ? reciprocal : 0;
            Lanes.setHalf(stored, to + (long) STRIDE * b, d);
        }
    }

    private static void storeCodes(
            MemorySegment floats, long from, float[] reciprocals, MemorySegment stored, long to) {
        for (int b = 0; b < reciprocals.length; b++) {
            float id = reciprocals[b];
            for (int j = 0; j < BLOCK; j += LANES) {
                FloatVector x =
                        Lanes.floats(floats, from + 4L * BLOCK * b + 4 * j).mul(id);
                IntVector half = x.reinterpretAsInts().and(0x80000000).or(NEARLY_HALF);
                IntVector q = Lanes.toInt(x.add(half.reinterpretAsFloats()));
                CodeLanes.storeBytes(q, stored, to + (long) STRIDE * b + 2 + j);
            }
        }
    }
}
