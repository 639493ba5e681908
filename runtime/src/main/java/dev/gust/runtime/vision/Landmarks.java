package dev.gust.runtime.vision;

import dev.gust.kernels.vision.PortableLandmarks;
import dev.gust.runtime.featuremap.MapLoops;
import java.util.Arrays;

/** SOFT for one head: landmarks, Gaussian features, and the state (K₂ + 0.01 I)⁻¹ K₁ᵀ v; the inverse in float64. */
final class Landmarks {
    private static final double START = 1.8;

    private Landmarks() {}

    /** Reads all queries and values of a head. */
    static HeadState state(TokenBlock block, VisionInputs inputs, long head) {
        VisionShape shape = block.attention().shape();
        int count = shape.landmarks();
        float[] landmarks = pool(block, inputs, head);
        var sums = new HeadState(new float[block.featureStride * block.stride], new float[0], new float[0], landmarks);
        for (int first = 0; first < shape.tokens(); first += TokenBlock.TOKENS) {
            block.fetch(inputs.q(), head, first, block.rows);
            block.fetch(inputs.v(), head, first, block.values);
            features(block, landmarks, first);
            sums.add(block, block.features, block.count(first));
        }
        double[] inverse = inverse(block, landmarks, count);
        float[] state = new float[sums.state().length];
        double[] row = new double[block.stride];
        for (int l = 0; l < count; l++) {
            Arrays.fill(row, 0);
            for (int j = 0; j < count; j++) {
                double factor = inverse[l * count + j];
                for (int d = 0; d < block.stride; d++) {
                    row[d] += factor * sums.state()[j * block.stride + d];
                }
            }
            for (int d = 0; d < block.stride; d++) {
                state[l * block.stride + d] = (float) row[d];
            }
        }
        return new HeadState(state, sums.keyMeans(), sums.valueMeans(), landmarks);
    }

    private static float factor(TokenBlock block) {
        return (float) Math.pow(block.attention().shape().width(), -0.25);
    }

    /** Means of q · D^−¼ over segments of tokens, rows padded to whole vectors. */
    private static float[] pool(TokenBlock block, VisionInputs inputs, long head) {
        VisionShape shape = block.attention().shape();
        long tokens = shape.tokens();
        int count = shape.landmarks();
        float[] landmarks = new float[count * block.stride];
        float[] sums = new float[block.stride];
        for (int first = 0; first < tokens; first += TokenBlock.TOKENS) {
            block.fetch(inputs.q(), head, first, block.rows);
            int end = first + block.count(first);
            for (int l = 0; l < count; l++) {
                long from = Math.max(first, l * tokens / count);
                long to = Math.min(end, Math.ceilDiv((l + 1) * tokens, count));
                if (from < to) {
                    System.arraycopy(landmarks, l * block.stride, sums, 0, block.stride);
                    for (long n = from; n < to; n++) {
                        VisionLoops.addScaled(block.rows, (int) (n - first) * block.stride, block.stride, 1, sums);
                    }
                    System.arraycopy(sums, 0, landmarks, l * block.stride, block.stride);
                }
            }
        }
        for (int l = 0; l < count; l++) {
            long members = Math.ceilDiv((l + 1) * tokens, count) - l * tokens / count;
            VisionLoops.scale(landmarks, l * block.stride, block.stride, factor(block) / members);
        }
        return landmarks;
    }

    /** K₁ of the rows that were fetched, as the block's features. */
    static void features(TokenBlock block, float[] landmarks, int first) {
        int count = block.attention().shape().landmarks();
        float factor = factor(block);
        int present = block.count(first);
        for (int t = 0; t < present; t++) {
            int at = t * block.featureStride;
            for (int l = 0; l < count; l++) {
                float distance = VisionLoops.distance(
                        block.rows, t * block.stride, factor, landmarks, l * block.stride, block.stride);
                block.features[at + l] = -0.5f * distance;
            }
            // e^−∞ is 0: padding does not count.
            Arrays.fill(block.features, at + count, at + block.featureStride, Float.NEGATIVE_INFINITY);
        }
        MapLoops.exp(block.features, present * block.featureStride, block.features);
    }

    private static double[] inverse(TokenBlock block, float[] landmarks, int count) {
        double[] matrix = new double[count * count];
        double most = 0;
        for (int r = 0; r < count; r++) {
            double sum = 0;
            for (int c = 0; c < count; c++) {
                double distance =
                        VisionLoops.distance(landmarks, r * block.stride, 1, landmarks, c * block.stride, block.stride);
                matrix[r * count + c] = Math.exp(-0.5 * distance);
                sum += matrix[r * count + c];
            }
            most = Math.max(most, sum);
        }
        for (int r = 0; r < count; r++) {
            matrix[r * count + r] += PortableLandmarks.RIDGE;
        }
        double[] inverse = new double[count * count];
        for (int e = 0; e < inverse.length; e++) {
            inverse[e] = START / (most * most) * matrix[e];
        }
        double[] product = new double[count * count];
        double[] next = new double[count * count];
        for (int step = 0; step < PortableLandmarks.STEPS; step++) {
            multiply(inverse, matrix, count, product);
            multiply(product, inverse, count, next);
            for (int e = 0; e < inverse.length; e++) {
                inverse[e] = 2 * inverse[e] - next[e];
            }
        }
        return inverse;
    }

    private static void multiply(double[] a, double[] b, int side, double[] c) {
        Arrays.fill(c, 0);
        for (int r = 0; r < side; r++) {
            for (int j = 0; j < side; j++) {
                double factor = a[r * side + j];
                for (int column = 0; column < side; column++) {
                    c[r * side + column] += factor * b[j * side + column];
                }
            }
        }
    }
}
