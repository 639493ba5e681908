package dev.gust.runtime.featuremap;

import java.util.Arrays;
import java.util.stream.IntStream;

/** The tables of pairs by which products are made. */
final class Products {
    private Products() {}

    /** x'∘roll(x', j) for j = 1 … nu: element i of roll(x', j) is element i − j of x', cyclically. */
    static Stage.Product dpfp(int width, int nu, boolean negated) {
        int mirrored = 2 * width;
        int[] pairs = new int[2 * mirrored * nu];
        for (int j = 1; j <= nu; j++) {
            for (int i = 0; i < mirrored; i++) {
                int at = 2 * ((j - 1) * mirrored + i);
                pairs[at] = i;
                pairs[at + 1] = Math.floorMod(i - j, mirrored);
            }
        }
        return new Stage.Product(width, negated ? -1 : 1, pairs, ones(mirrored * nu));
    }

    /** u_i · u_(E + i). */
    static Stage.Product halves(int half, float coefficient) {
        float[] coefficients = new float[half];
        Arrays.fill(coefficients, coefficient);
        int[] pairs =
                IntStream.range(0, half).flatMap(i -> IntStream.of(i, half + i)).toArray();
        return new Stage.Product(2 * half, 0, pairs, coefficients);
    }

    /** u_i · u_(shift + j) for i ≤ j, row by row. */
    static Stage.Product triangle(int in, int side, int shift) {
        int columns = side * (side + 1) / 2;
        int[] pairs = new int[2 * columns];
        int at = 0;
        for (int i = 0; i < side; i++) {
            for (int j = i; j < side; j++) {
                pairs[at++] = i;
                pairs[at++] = shift + j;
            }
        }
        return new Stage.Product(in, 0, pairs, ones(columns));
    }

    /**
     * Squares, and then products i &lt; j, row by row; before them, if there is an {@code first}, the number 1 and x · first.
     *
     * @param first what x itself is multiplied by, 0 to leave it and the 1 out
     */
    static Stage.Product quadratic(int width, float first, float squares, float products) {
        int linear = first == 0 ? 0 : 1 + width;
        int columns = linear + width * (width + 1) / 2;
        int[] pairs = new int[2 * columns];
        float[] coefficients = new float[columns];
        int c = 0;
        for (int i = -1; i < linear - 1; i++, c++) {
            pairs[2 * c] = i;
            pairs[2 * c + 1] = -1;
            coefficients[c] = i < 0 ? 1 : first;
        }
        for (int i = 0; i < width; i++, c++) {
            pairs[2 * c] = i;
            pairs[2 * c + 1] = i;
            coefficients[c] = squares;
        }
        for (int i = 0; i < width; i++) {
            for (int j = i + 1; j < width; j++, c++) {
                pairs[2 * c] = i;
                pairs[2 * c + 1] = j;
                coefficients[c] = products;
            }
        }
        return new Stage.Product(width, 0, pairs, coefficients);
    }

    private static float[] ones(int length) {
        float[] ones = new float[length];
        Arrays.fill(ones, 1);
        return ones;
    }
}
