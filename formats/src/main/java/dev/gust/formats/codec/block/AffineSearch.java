package dev.gust.formats.codec.block;

import static dev.gust.formats.codec.block.Lanes.F;
import static dev.gust.formats.codec.block.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/**
 * Q4_K's search: for each sub-block of 32 values, the scale and minimum that make Σ w·(scale·q + min − x)² smallest
 * among 21 trial scales, where q are 4-bit codes and w = rms(x) + |x|.
 *
 * <p>The sums must be taken in element order, or the result differs from ggml's in the last bit and now and then in a
 * code. So a lane is a sub-block, and elements are interleaved: element i of sub-block j is at {@code i · subBlocks + j}.
 */
final class AffineSearch {
    static final int ELEMENTS = 32;
    private static final int MAX_CODE = 15;
    private static final int STEPS = 20;

    /** Sub-blocks searched at once: one super-block's 8, or two super-blocks' where there are 16 lanes. */
    final int subBlocks = Math.max(8, LANES);

    /** Values, interleaved. */
    final float[] x = new float[ELEMENTS * subBlocks];
    /** Scale of each sub-block; not negative. */
    final float[] scale = new float[subBlocks];
    /** What is subtracted from scale·q in each sub-block; not negative. */
    final float[] min = new float[subBlocks];
    /** Codes 0 to 15, interleaved. */
    final int[] codes = new int[ELEMENTS * subBlocks];

    private final float[] weights = new float[ELEMENTS * subBlocks];
    private final float[] trial = new float[ELEMENTS * LANES];

    /** Finds {@link #scale}, {@link #min} and {@link #codes} of all sub-blocks. */
    void run() {
        for (int lane = 0; lane < subBlocks; lane += LANES) {
            weigh(lane);
            search(lane);
        }
    }

    /** Replaces codes by those nearest to (x + min)/scale, but where a sub-block's scale is 0. */
    void requantize(float[] scales, float[] mins) {
        for (int lane = 0; lane < subBlocks; lane += LANES) {
            FloatVector d = FloatVector.fromArray(F, scales, lane);
            FloatVector m = FloatVector.fromArray(F, mins, lane);
            VectorMask<Integer> keep = d.compare(VectorOperators.EQ, 0).cast(Lanes.I);
            for (int i = lane; i < x.length; i += subBlocks) {
                IntVector q = NearestInt.of(
                                FloatVector.fromArray(F, x, i).add(m).div(d))
                        .min(MAX_CODE)
                        .max(0);
                q.blend(IntVector.fromArray(Lanes.I, codes, i), keep).intoArray(codes, i);
            }
        }
    }

    private void weigh(int lane) {
        FloatVector squares = FloatVector.zero(F);
        for (int i = lane; i < x.length; i += subBlocks) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            squares = squares.add(v.mul(v));
        }
        FloatVector rms = squares.div(ELEMENTS).sqrt();
        for (int i = lane; i < x.length; i += subBlocks) {
            rms.add(FloatVector.fromArray(F, x, i).abs()).intoArray(weights, i);
        }
    }

    private void search(int lane) {
        FloatVector min = FloatVector.fromArray(F, x, lane);
        FloatVector max = min;
        FloatVector sumW = FloatVector.fromArray(F, weights, lane);
        FloatVector sumX = sumW.mul(min);
        for (int i = lane + subBlocks; i < x.length; i += subBlocks) {
            FloatVector v = FloatVector.fromArray(F, x, i);
            FloatVector w = FloatVector.fromArray(F, weights, i);
            min = min.blend(v, v.lt(min));
            max = max.blend(v, max.lt(v));
            sumW = sumW.add(w);
            sumX = sumX.add(w.mul(v));
        }
        min = min.blend(0, min.compare(VectorOperators.GT, 0));
        VectorMask<Float> flat = max.eq(min);

        // The codes of a trial follow from the minimum at that time and the inverse of the trial scale.
        FloatVector codeMin = min;
        FloatVector codeInverse = FloatVector.broadcast(F, MAX_CODE).div(max.sub(min));
        FloatVector bestScale = FloatVector.broadcast(F, 1).div(codeInverse);
        FloatVector bestMin = min;
        quantize(lane, codeInverse, min);
        FloatVector bestError = error(lane, bestScale, min);
        for (int step = 0; step <= STEPS; step++) {
            FloatVector inverse =
                    FloatVector.broadcast(F, -1 + 0.1f * step + MAX_CODE).div(max.sub(bestMin));
            FloatVector sumL = FloatVector.zero(F);
            FloatVector sumL2 = FloatVector.zero(F);
            FloatVector sumXL = FloatVector.zero(F);
            for (int i = lane, t = 0; i < x.length; i += subBlocks, t += LANES) {
                FloatVector v = FloatVector.fromArray(F, x, i);
                FloatVector l = code(v, inverse, bestMin);
                l.intoArray(trial, t);
                FloatVector wl = FloatVector.fromArray(F, weights, i).mul(l);
                sumL = sumL.add(wl);
                sumL2 = sumL2.add(wl.mul(l));
                sumXL = sumXL.add(wl.mul(v));
            }
            // Weighted least squares for x ≈ scale·l + min; a positive minimum is not representable and becomes 0.
            FloatVector determinant = sumW.mul(sumL2).sub(sumL.mul(sumL));
            FloatVector thisScale = sumW.mul(sumXL).sub(sumX.mul(sumL)).div(determinant);
            FloatVector thisMin = sumL2.mul(sumX).sub(sumL.mul(sumXL)).div(determinant);
            VectorMask<Float> positive = thisMin.compare(VectorOperators.GT, 0);
            thisMin = thisMin.blend(0, positive);
            thisScale = thisScale.blend(sumXL.div(sumL2), positive);
            FloatVector error = error(lane, thisScale, thisMin);
            VectorMask<Float> better = error.lt(bestError).and(determinant.compare(VectorOperators.GT, 0));
            bestError = bestError.blend(error, better);
            bestScale = bestScale.blend(thisScale, better);
            codeInverse = codeInverse.blend(inverse, better);
            codeMin = codeMin.blend(bestMin, better);
            bestMin = bestMin.blend(thisMin, better);
        }
        for (int i = lane; i < x.length; i += subBlocks) {
            FloatVector l = code(FloatVector.fromArray(F, x, i), codeInverse, codeMin);
            Lanes.toInt(l.blend(0, flat)).intoArray(codes, i);
        }
        bestScale.blend(0, flat).intoArray(scale, lane);
        bestMin.blend(min, flat).neg().intoArray(this.min, lane);
    }

    private void quantize(int lane, FloatVector inverse, FloatVector min) {
        for (int i = lane, t = 0; i < x.length; i += subBlocks, t += LANES) {
            code(FloatVector.fromArray(F, x, i), inverse, min).intoArray(trial, t);
        }
    }

    private FloatVector error(int lane, FloatVector scale, FloatVector min) {
        FloatVector error = FloatVector.zero(F);
        for (int i = lane, t = 0; i < x.length; i += subBlocks, t += LANES) {
            FloatVector diff =
                    scale.mul(FloatVector.fromArray(F, trial, t)).add(min).sub(FloatVector.fromArray(F, x, i));
            error = error.add(FloatVector.fromArray(F, weights, i).mul(diff.mul(diff)));
        }
        return error;
    }

    private static FloatVector code(FloatVector v, FloatVector inverse, FloatVector min) {
        return Lanes.toFloat(
                NearestInt.of(inverse.mul(v.sub(min))).min(MAX_CODE).max(0));
    }
}
