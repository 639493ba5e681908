package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Q6_K's search: for each of a super-block's 16 sub-blocks of 16 values, the scale that makes Σ x²·(scale·q − x)²
 * smallest among 19 trial scales, where q are codes −32 to 31.
 *
 * <p>Lanes are sub-blocks, for the reason given in {@link AffineSearch}: element i of sub-block j is at 16·i + j.
 */
final class SymmetricSearch {
    static final int SUB_BLOCKS = 16;
    static final int ELEMENTS = 16;
    /** Largest magnitudes below this count as zero. */
    static final float EPSILON = 1e-15f;

    private static final int MAX_CODE = 32;

    /** Values, interleaved. */
    final float[] x = new float[ELEMENTS * SUB_BLOCKS];
    /** Scale of each sub-block, of either sign. */
    final float[] scale = new float[SUB_BLOCKS];
    /** Codes plus 32, interleaved. */
    final int[] codes = new int[ELEMENTS * SUB_BLOCKS];

    /** Finds {@link #scale} and {@link #codes} of all sub-blocks. */
    void run() {
        for (int lane = 0; lane < SUB_BLOCKS; lane += LANES) {
            search(lane);
        }
    }

    /** Replaces codes by those nearest to x/scale, but where a sub-block's scale is 0. */
    void requantize(float[] scales) {
        for (int lane = 0; lane < SUB_BLOCKS; lane += LANES) {
            FloatVector d = FloatVector.fromArray(F, scales, lane);
            VectorMask<Integer> keep = d.compare(VectorOperators.EQ, 0).cast(Lanes.I);
            for (int i = lane; i < x.length; i += SUB_BLOCKS) {
                IntVector q = clamp(NearestInt.of(FloatVector.fromArray(F, x, i).div(d)))
                        .add(MAX_CODE);
                q.blend(IntVector.fromArray(Lanes.I, codes, i), keep).intoArray(codes, i);
            }
        }
    }

    private void search(int lane) {
        FloatVector max = FloatVector.zero(F);
        FloatVector amax = FloatVector.zero(F);
        for (int i = lane; i < x.length; i += SUB_BLOCKS) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector magnitude = v.abs();
            VectorMask<Float> larger = amax.lt(magnitude);
            amax = amax.blend(magnitude, larger);
            max = max.blend(v, larger);
        }
        VectorMask<Float> zero = amax.compare(VectorOperators.LT, EPSILON);

        FloatVector bestInverse = FloatVector.broadcast(F, -MAX_CODE).div(max);
        FloatVector bestScale = FloatVector.zero(F);
        FloatVector best = FloatVector.zero(F);
        for (int trial = 0; trial < 19; trial++) {
            // The plain scale first, then 0.1 code steps from −9 to 9 around it.
            int step = trial == 0 ? 0 : trial <= 9 ? trial - 10 : trial - 9;
            FloatVector inverse = trial == 0
                    ? bestInverse
                    : FloatVector.broadcast(F, -(MAX_CODE + 0.1f * step)).div(max);
            FloatVector sumLX = FloatVector.zero(F);
            FloatVector sumL2 = FloatVector.zero(F);
            for (int i = lane; i < x.length; i += SUB_BLOCKS) {
                FloatVector v = FloatVector.fromArray(F, x, i);
                FloatVector l = Lanes.toFloat(clamp(NearestInt.of(inverse.mul(v))));
                FloatVector w = v.mul(v);
                sumLX = sumLX.add(w.mul(v).mul(l));
                sumL2 = sumL2.add(w.mul(l).mul(l));
            }
            VectorMask<Float> better = trial == 0
                    ? sumL2.compare(VectorOperators.NE, 0)
                    : sumL2.compare(VectorOperators.GT, 0).and(best.mul(sumL2).lt(sumLX.mul(sumLX)));
            bestScale = bestScale.blend(sumLX.div(sumL2), better);
            FloatVector gain = bestScale.mul(sumLX);
            best = trial == 0 ? gain : best.blend(gain, better);
            bestInverse = bestInverse.blend(inverse, better);
        }
        for (int i = lane; i < x.length; i += SUB_BLOCKS) {
            IntVector q = clamp(NearestInt.of(bestInverse.mul(FloatVector.fromArray(F, x, i))))
                    .add(MAX_CODE);
            q.blend(0, zero.cast(Lanes.I)).intoArray(codes, i);
        }
        bestScale.blend(0, zero).intoArray(scale, lane);
    }

    private static IntVector clamp(IntVector codes) {
        return codes.min(MAX_CODE - 1).max(-MAX_CODE);
    }
}
