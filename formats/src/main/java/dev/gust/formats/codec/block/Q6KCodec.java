package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q6_K: 128 bytes with the low 4 bits of the codes, 64 with the high 2, 16 signed scales, f16 d; x = d·scale·(q − 32).
 * Each half of 128 elements is four quarters of 32: quarters 0 and 1 in the low nibbles of its 64 bytes, 2 and 3 in the
 * high ones, and bit pair k of its 32 high bytes belongs to quarter k.
 */
final class Q6KCodec extends BlockCodec {
    private static final int BLOCK = 256;
    private static final int STRIDE = 210;
    private static final int HIGH = 128;
    private static final int SCALES = 192;
    private static final int D = 208;
    private static final int SUB = 16;

    Q6KCodec() {
        super(DType.Q6_K);
    }

    @Override
    void decodeBlocks(MemorySegment stored, long from, MemorySegment floats, long to, long blocks) {
        for (long b = 0; b < blocks; b++, from += STRIDE, to += 4 * BLOCK) {
            float d = Lanes.half(stored, from + D);
            for (int s = 0; s < BLOCK / SUB; s++) {
                int half = s / 8;
                int quarter = s / 2 % 4;
                int column = s % 2 * SUB;
                FloatVector scale = FloatVector.broadcast(F, d * stored.get(Lanes.I8, from + SCALES + s));
                long low = from + 64L * half + 32L * (quarter & 1) + column;
                long high = from + HIGH + 32L * half + column;
                for (int j = 0; j < SUB; j += LANES) {
                    IntVector q = Lanes.unsignedBytes(stored, low + j)
                            .lanewise(VectorOperators.LSHR, 4 * (quarter >> 1))
                            .and(15);
                    IntVector top = Lanes.unsignedBytes(stored, high + j)
                            .lanewise(VectorOperators.LSHR, 2 * quarter)
                            .and(3)
                            .lanewise(VectorOperators.LSHL, 4);
                    Lanes.toFloat(q.or(top).sub(32))
                            .mul(scale)
                            .intoMemorySegment(floats, to + 4L * (SUB * s + j), Lanes.LE);
                }
            }
        }
    }

    @Override
    void encodeBlocks(MemorySegment floats, long from, MemorySegment stored, long to, long blocks) {
        var search = new SymmetricSearch();
        float[] values = new float[BLOCK];
        float[] scales = new float[BLOCK / SUB];
        for (long b = 0; b < blocks; b++, from += 4 * BLOCK, to += STRIDE) {
            MemorySegment.copy(floats, Lanes.F32, from, values, 0, BLOCK);
            for (int i = 0; i < SUB; i++) {
                for (int s = 0; s < BLOCK / SUB; s++) {
                    search.x[BLOCK / SUB * i + s] = values[SUB * s + i];
                }
            }
            search.run();
            if (!storeScales(search.scale, scales, stored, to)) {
                stored.asSlice(to, STRIDE).fill((byte) 0);
                continue;
            }
            search.requantize(scales);
            storeCodes(search.codes, stored, to);
        }
    }

    /**
     * Writes the scales and puts their values as they will be decoded into {@code decoded}.
     *
     * @return false if all of them count as zero, and nothing was written
     */
    private static boolean storeScales(float[] found, float[] decoded, MemorySegment stored, long to) {
        float max = 0;
        for (float scale : found) {
            max = Math.abs(scale) > Math.abs(max) ? scale : max;
        }
        if (Math.abs(max) < SymmetricSearch.EPSILON) {
            return false;
        }
        float inverse = -128 / max;
        Lanes.setHalf(stored, to + D, 1 / inverse);
        float d = Lanes.half(stored, to + D);
        for (int s = 0; s < found.length; s++) {
            byte code = (byte) Math.min(127, NearestInt.of(inverse * found[s]));
            stored.set(Lanes.I8, to + SCALES + s, code);
            decoded[s] = d * code;
        }
        return true;
    }

    private static void storeCodes(int[] codes, MemorySegment stored, long to) {
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 32; i++) {
                int at = BLOCK / SUB * (i % SUB) + 8 * half + i / SUB;
                int q0 = codes[at];
                int q1 = codes[at + 2];
                int q2 = codes[at + 4];
                int q3 = codes[at + 6];
                stored.set(Lanes.I8, to + 64L * half + i, (byte) ((q0 & 15) | (q2 << 4)));
                stored.set(Lanes.I8, to + 64L * half + 32 + i, (byte) ((q1 & 15) | (q3 << 4)));
                int top = (q0 >> 4) | (q1 >> 4 << 2) | (q2 >> 4 << 4) | (q3 >> 4 << 6);
                stored.set(Lanes.I8, to + HIGH + 32L * half + i, (byte) top);
            }
        }
    }
}
