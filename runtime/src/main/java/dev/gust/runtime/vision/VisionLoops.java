package dev.gust.runtime.vision;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Vector loops over blocks of tokens. Rows are padded to whole vectors. */
public final class VisionLoops {
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;

    /** Numbers to a vector. */
    public static final int LANES = F.length();

    /** Rows of a product that are made together. */
    public static final int ROWS = 4;

    private static final float ABOVE_ZERO = 1e-6f;

    private VisionLoops() {}

    /** relu(x) + 1e-6. */
    static void reluAboveZero(float[] x, int length, float[] y) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, i).max(0).add(ABOVE_ZERO).intoArray(y, i);
        }
    }

    /** [relu(x), relu(−x)]³ of a row. */
    static void signedCube(float[] x, int from, int width, float[] y, int to) {
        for (int i = 0; i < width; i += LANES) {
            VectorMask<Float> inside = F.indexInRange(i, width);
            FloatVector v = FloatVector.fromArray(F, x, from + i, inside);
            FloatVector cube = v.mul(v).mul(v);
            cube.max(0).intoArray(y, to + i, inside);
            cube.neg().max(0).intoArray(y, to + width + i, inside);
        }
    }

    /** ([relu(x), relu(−x)] · scale)^power of a row: one of the two halves is zero, so there is one power to take. */
    static void normPower(float[] x, int from, int width, float scale, float power, float[] y, int to) {
        FloatVector zero = FloatVector.zero(F);
        for (int i = 0; i < width; i += LANES) {
            VectorMask<Float> inside = F.indexInRange(i, width);
            FloatVector v = FloatVector.fromArray(F, x, from + i, inside);
            FloatVector logs = v.abs().mul(scale).lanewise(VectorOperators.LOG);
            FloatVector e = logs.mul(power).lanewise(VectorOperators.EXP);
            VectorMask<Float> positive = v.compare(VectorOperators.GT, 0);
            VectorMask<Float> negative = v.compare(VectorOperators.LT, 0);
            zero.blend(e, positive).intoArray(y, to + i, inside);
            zero.blend(e, negative).intoArray(y, to + width + i, inside);
        }
    }

    /** The product of two rows. */
    static float product(float[] a, int from, float[] b, int bFrom, int length) {
        FloatVector sums = FloatVector.zero(F);
        for (int i = 0; i < length; i += LANES) {
            sums = FloatVector.fromArray(F, a, from + i).fma(FloatVector.fromArray(F, b, bFrom + i), sums);
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    /** ‖scale · a − b‖² of two rows. */
    static float distance(float[] a, int from, float scale, float[] b, int bFrom, int length) {
        FloatVector sums = FloatVector.zero(F);
        FloatVector scales = FloatVector.broadcast(F, scale);
        for (int i = 0; i < length; i += LANES) {
            FloatVector away = FloatVector.fromArray(F, a, from + i).mul(scales);
            away = away.sub(FloatVector.fromArray(F, b, bFrom + i));
            sums = away.fma(away, sums);
        }
        return sums.reduceLanes(VectorOperators.ADD);
    }

    /** x = factor · x + addend · y for rows of whole vectors. */
    static void mix(float[] x, int from, int length, float factor, float[] y, float addend) {
        FloatVector factors = FloatVector.broadcast(F, factor);
        FloatVector addends = FloatVector.broadcast(F, addend);
        for (int i = 0; i < length; i += LANES) {
            FloatVector part = FloatVector.fromArray(F, y, i).mul(addends);
            FloatVector.fromArray(F, x, from + i).fma(factors, part).intoArray(x, from + i);
        }
    }

    /** x = factor · x. */
    static void scale(float[] x, int from, int length, float factor) {
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, x, from + i).mul(factor).intoArray(x, from + i);
        }
    }

    /** sums += factor · x. */
    static void addScaled(float[] x, int from, int length, float factor, float[] sums) {
        FloatVector factors = FloatVector.broadcast(F, factor);
        for (int i = 0; i < length; i += LANES) {
            FloatVector sum = FloatVector.fromArray(F, sums, i);
            FloatVector.fromArray(F, x, from + i).fma(factors, sum).intoArray(sums, i);
        }
    }

    /**
     * c += a · b, of which b has whole vectors to a row.
     *
     * @param a element (row, t) lies at row · rowStep + t · depthStep
     * @param rows rows of c; a multiple of {@link #ROWS}
     * @param depth rows of b
     * @param columns of b and c, a multiple of {@link #LANES}
     */
    public static void multiply(
            float[] a, int rowStep, int depthStep, int rows, int depth, float[] b, int columns, float[] c) {
        for (int row = 0; row < rows; row += ROWS) {
            int column = 0;
            for (; column + LANES < columns; column += 2 * LANES) {
                twoVectors(a, row * rowStep, rowStep, depthStep, depth, b, column, columns, c, row * columns + column);
            }
            if (column < columns) {
                oneVector(a, row * rowStep, rowStep, depthStep, depth, b, column, columns, c, row * columns + column);
            }
        }
    }

    /** Eight sums: four rows of two vectors. */
    private static void twoVectors(
            float[] a,
            int from,
            int rowStep,
            int depthStep,
            int depth,
            float[] b,
            int column,
            int stride,
            float[] c,
            int to) {
        FloatVector s00 = FloatVector.fromArray(F, c, to);
        FloatVector s01 = FloatVector.fromArray(F, c, to + LANES);
        FloatVector s10 = FloatVector.fromArray(F, c, to + stride);
        FloatVector s11 = FloatVector.fromArray(F, c, to + stride + LANES);
        FloatVector s20 = FloatVector.fromArray(F, c, to + 2 * stride);
        FloatVector s21 = FloatVector.fromArray(F, c, to + 2 * stride + LANES);
        FloatVector s30 = FloatVector.fromArray(F, c, to + 3 * stride);
        FloatVector s31 = FloatVector.fromArray(F, c, to + 3 * stride + LANES);
        for (int t = 0; t < depth; t++) {
            FloatVector v0 = FloatVector.fromArray(F, b, t * stride + column);
            FloatVector v1 = FloatVector.fromArray(F, b, t * stride + column + LANES);
            int at = from + t * depthStep;
            FloatVector k = FloatVector.broadcast(F, a[at]);
            s00 = v0.fma(k, s00);
            s01 = v1.fma(k, s01);
            k = FloatVector.broadcast(F, a[at + rowStep]);
            s10 = v0.fma(k, s10);
            s11 = v1.fma(k, s11);
            k = FloatVector.broadcast(F, a[at + 2 * rowStep]);
            s20 = v0.fma(k, s20);
            s21 = v1.fma(k, s21);
            k = FloatVector.broadcast(F, a[at + 3 * rowStep]);
            s30 = v0.fma(k, s30);
            s31 = v1.fma(k, s31);
        }
        s00.intoArray(c, to);
        s01.intoArray(c, to + LANES);
        s10.intoArray(c, to + stride);
        s11.intoArray(c, to + stride + LANES);
        s20.intoArray(c, to + 2 * stride);
        s21.intoArray(c, to + 2 * stride + LANES);
        s30.intoArray(c, to + 3 * stride);
        s31.intoArray(c, to + 3 * stride + LANES);
    }

    /** Four sums: four rows of one vector. */
    private static void oneVector(
            float[] a,
            int from,
            int rowStep,
            int depthStep,
            int depth,
            float[] b,
            int column,
            int stride,
            float[] c,
            int to) {
        FloatVector s0 = FloatVector.fromArray(F, c, to);
        FloatVector s1 = FloatVector.fromArray(F, c, to + stride);
        FloatVector s2 = FloatVector.fromArray(F, c, to + 2 * stride);
        FloatVector s3 = FloatVector.fromArray(F, c, to + 3 * stride);
        for (int t = 0; t < depth; t++) {
            FloatVector v = FloatVector.fromArray(F, b, t * stride + column);
            int at = from + t * depthStep;
            s0 = v.fma(FloatVector.broadcast(F, a[at]), s0);
            s1 = v.fma(FloatVector.broadcast(F, a[at + rowStep]), s1);
            s2 = v.fma(FloatVector.broadcast(F, a[at + 2 * rowStep]), s2);
            s3 = v.fma(FloatVector.broadcast(F, a[at + 3 * rowStep]), s3);
        }
        s0.intoArray(c, to);
        s1.intoArray(c, to + stride);
        s2.intoArray(c, to + 2 * stride);
        s3.intoArray(c, to + 3 * stride);
    }
}
