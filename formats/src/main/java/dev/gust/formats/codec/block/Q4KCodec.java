package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import dev.gust.formats.tensor.DType;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Q4_K: f16 d, f16 dmin, 8 pairs of 6-bit scale and minimum, then for each two sub-blocks of 32 elements 32 bytes with
 * the first one's codes in the low nibbles; x = d·scale·q − dmin·min.
 */
final class Q4KCodec extends BlockCodec {
    private static final int BLOCK = 256;
    private static final int STRIDE = 144;
    private static final int SUB = 32;
    private static final int SUB_BLOCKS = 8;

    Q4KCodec() {
        super(DType.Q4_K);
    }

    @Override
    void decodeBlocks(byte[] stored, float[] floats, int blocks) {
        for (int b = 0, from = 0, to = 0; b < blocks; b++, from += STRIDE, to += BLOCK) {
            float d = Lanes.half(stored, from);
            float dmin = Lanes.half(stored, from + 2);
            for (int s = 0; s < SUB_BLOCKS; s++) {
                FloatVector scale = FloatVector.broadcast(F, d * SixBitPairs.scale(stored, from + 4, s));
                FloatVector min = FloatVector.broadcast(F, dmin * SixBitPairs.min(stored, from + 4, s));
                int codes = from + 16 + 32 * (s / 2);
                for (int j = 0; j < SUB; j += LANES) {
                    IntVector q = Lanes.unsignedBytes(stored, codes + j)
                            .lanewise(VectorOperators.LSHR, 4 * (s & 1))
                            .and(15);
                    Lanes.toFloat(q).mul(scale).sub(min).intoArray(floats, to + SUB * s + j);
                }
            }
        }
    }

    @Override
    void encodeBlocks(float[] floats, byte[] stored, int blocks) {
        var search = new AffineSearch();
        float[] scales = new float[search.subBlocks];
        float[] mins = new float[search.subBlocks];
        int batch = search.subBlocks / SUB_BLOCKS;
        for (int first = 0; first < blocks; first += batch) {
            int count = Math.min(batch, blocks - first);
            for (int b = 0; b < count; b++) {
                for (int i = 0; i < SUB; i++) {
                    for (int s = 0; s < SUB_BLOCKS; s++) {
                        search.x[i * search.subBlocks + SUB_BLOCKS * b + s] = floats[BLOCK * (first + b) + SUB * s + i];
                    }
                }
            }
            search.run();
            for (int b = 0; b < count; b++) {
                storeScales(search, SUB_BLOCKS * b, scales, mins, stored, STRIDE * (first + b));
            }
            search.requantize(scales, mins);
            for (int b = 0; b < count; b++) {
                storeCodes(search, SUB_BLOCKS * b, stored, STRIDE * (first + b) + 16);
            }
        }
    }

    /** Writes the block's scales and minima, and puts their values as they will be decoded into the arrays. */
    private static void storeScales(
            AffineSearch search, int first, float[] scales, float[] mins, byte[] stored, int to) {
        float maxScale = 0;
        float maxMin = 0;
        for (int s = first; s < first + SUB_BLOCKS; s++) {
            maxScale = search.scale[s] > maxScale ? search.scale[s] : maxScale;
            maxMin = search.min[s] > maxMin ? search.min[s] : maxMin;
        }
        float inverseScale = maxScale > 0 ? 63 / maxScale : 0;
        float inverseMin = maxMin > 0 ? 63 / maxMin : 0;
        int[] scaleCodes = new int[SUB_BLOCKS];
        int[] minCodes = new int[SUB_BLOCKS];
        for (int s = 0; s < SUB_BLOCKS; s++) {
            scaleCodes[s] = Math.min(63, NearestInt.of(inverseScale * search.scale[first + s]) & 0xFF);
            minCodes[s] = Math.min(63, NearestInt.of(inverseMin * search.min[first + s]) & 0xFF);
        }
        Lanes.setHalf(stored, to, maxScale / 63);
        Lanes.setHalf(stored, to + 2, maxMin / 63);
        SixBitPairs.store(stored, to + 4, scaleCodes, minCodes);
        float d = Lanes.half(stored, to);
        float dmin = Lanes.half(stored, to + 2);
        for (int s = 0; s < SUB_BLOCKS; s++) {
            scales[first + s] = d * scaleCodes[s];
            mins[first + s] = dmin * minCodes[s];
        }
    }

    private static void storeCodes(AffineSearch search, int first, byte[] stored, int to) {
        for (int pair = 0; pair < SUB_BLOCKS / 2; pair++) {
            for (int i = 0; i < SUB; i++) {
                int at = i * search.subBlocks + first + 2 * pair;
                stored[to + 32 * pair + i] = (byte) (search.codes[at] | (search.codes[at + 1] << 4));
            }
        }
    }
}
