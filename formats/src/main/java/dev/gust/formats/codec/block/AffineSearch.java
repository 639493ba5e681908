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
    /** From which {@link #codes} follow: the inverse of a trial scale, and the minimum at that time. */
    private final float[] codeInverse = new float[subBlocks];

    private final float[] codeMin = new float[subBlocks];

    /** Finds {@link #scale}, {@link #min} and {@link #codes} of all sub-blocks. */
    void run() {
        // Separate methods that hand each other arrays: what the compiler inlines into one is limited, and a vector
        // that is passed to a method it did not inline becomes an object.
        for (int lane = 0; lane < subBlocks; lane += LANES) {
            weigh(lane);
            search(lane);
            quantize(lane);
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

        FloatVector bestMin = min;
        FloatVector bestScale = FloatVector.zero(F);
        FloatVector bestError = FloatVector.zero(F);
        FloatVector bestInverse = FloatVector.zero(F);
        FloatVector bestCodeMin = min;
        // Step −1 is the plain scale, which stands until a better one is found.
        for (int step = -1; step <= STEPS; step++) {
            float levels = step < 0 ? MAX_CODE : -1 + 0.1f * step + MAX_CODE;
            FloatVector inverse = FloatVector.broadcast(F, levels).div(max.sub(bestMin));
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
            VectorMask<Float> plain = F.maskAll(step < 0);
            thisScale = thisScale.blend(FloatVector.broadcast(F, 1).div(inverse), plain);
            thisMin = thisMin.blend(bestMin, plain);

            FloatVector error = FloatVector.zero(F);
            for (int i = lane, t = 0; i < x.length; i += subBlocks, t += LANES) {
                FloatVector diff = thisScale
                        .mul(FloatVector.fromArray(F, trial, t))
                        .add(thisMin)
                        .sub(FloatVector.fromArray(F, x, i));
                error = error.add(FloatVector.fromArray(F, weights, i).mul(diff.mul(diff)));
            }
            VectorMask<Float> better = error.lt(bestError)
                    .and(determinant.compare(VectorOperators.GT, 0))
                    .or(plain);
            bestError = bestError.blend(error, better);
            bestScale = bestScale.blend(thisScale, better);
            bestInverse = bestInverse.blend(inverse, better);
            bestCodeMin = bestCodeMin.blend(bestMin, better);
            bestMin = bestMin.blend(thisMin, better);
        }
        // Nothing but one value that is not positive: the minimum says it all.
        bestInverse.blend(0, flat).intoArray(codeInverse, lane);
        bestCodeMin.blend(0, flat).intoArray(codeMin, lane);
        bestScale.blend(0, flat).intoArray(scale, lane);
        bestMin.blend(min, flat).neg().intoArray(this.min, lane);
    }

    private void quantize(int lane) {
        FloatVector inverse = FloatVector.fromArray(F, codeInverse, lane);
        FloatVector min = FloatVector.fromArray(F, codeMin, lane);
        for (int i = lane; i < x.length; i += subBlocks) {
            Lanes.toInt(code(FloatVector.fromArray(F, x, i), inverse, min)).intoArray(codes, i);
        }
    }

    private static FloatVector code(FloatVector v, FloatVector inverse, FloatVector min) {
        return Lanes.toFloat(
                NearestInt.of(inverse.mul(v.sub(min))).min(MAX_CODE).max(0));
    }
}
