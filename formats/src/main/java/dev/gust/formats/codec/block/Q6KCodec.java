package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import java.util.Arrays;
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
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from + D);
            for (int s = 0; s < BLOCK / SUB; s++) {
                int half = s / 8;
                int quarter = s / 2 % 4;
                int column = s % 2 * SUB;
                FloatVector scale = FloatVector.broadcast(F, d * stored[from + SCALES + s]);
                int low = from + 64 * half + 32 * (quarter & 1) + column;
                int high = from + HIGH + 32 * half + column;
                for (int j = 0; j < SUB; j += LANES) {
                    IntVector q = Lanes.unsignedBytes(stored, low + j)
                            .lanewise(VectorOperators.LSHR, 4 * (quarter >> 1))
                            .and(15);
                    IntVector top = Lanes.unsignedBytes(stored, high + j)
                            .lanewise(VectorOperators.LSHR, 2 * quarter)
                            .and(3)
                            .lanewise(VectorOperators.LSHL, 4);
                    Lanes.toFloat(q.or(top).sub(32)).mul(scale).intoArray(floats, to + SUB * s + j);
                }
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        var search = new SymmetricSearch();
        float[] scales = new float[BLOCK / SUB];
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += BLOCK, to += STRIDE) {
            for (int i = 0; i < SUB; i++) {
                for (int s = 0; s < BLOCK / SUB; s++) {
                    search.x[BLOCK / SUB * i + s] = floats[from + SUB * s + i];
                }
            }
            search.run();
            if (!storeScales(search.scale, scales, stored, to)) {
                Arrays.fill(stored, to, to + STRIDE, (byte) 0);
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
    private static boolean storeScales(float[] found, float[] decoded, byte[] stored, int to) {
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
            stored[to + SCALES + s] = code;
            decoded[s] = d * code;
        }
        return true;
    }

    private static void storeCodes(int[] codes, byte[] stored, int to) {
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 32; i++) {
                int at = BLOCK / SUB * (i % SUB) + 8 * half + i / SUB;
                int q0 = codes[at];
                int q1 = codes[at + 2];
                int q2 = codes[at + 4];
                int q3 = codes[at + 6];
                stored[to + 64 * half + i] = (byte) ((q0 & 15) | (q2 << 4));
                stored[to + 64 * half + 32 + i] = (byte) ((q1 & 15) | (q3 << 4));
                int top = (q0 >> 4) | (q1 >> 4 << 2) | (q2 >> 4 << 4) | (q3 >> 4 << 6);
                stored[to + HIGH + 32 * half + i] = (byte) top;
            }
        }
    }
}
