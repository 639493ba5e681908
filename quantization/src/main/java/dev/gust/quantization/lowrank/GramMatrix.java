package dev.gust.quantization.lowrank;

import java.util.Optional;

/** What a matrix must be to be the sum of x·xᵀ over some inputs. */
public final class GramMatrix {
    /** How far it may be from its transpose, beside its largest element: sums in float32 in another order. */
    private static final double ASYMMETRY = 1e-3;

    private GramMatrix() {}

    /** Why a finite square matrix is no Gram matrix that anything can be learnt from, if it is none. */
    public static Optional<String> problem(Matrix gram) {
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < gram.rows(); i++) {
            for (int j = 0; j <= i; j++) {
                largest = Math.max(largest, Math.abs(gram.at(i, j)));
                difference = Math.max(difference, Math.abs(gram.at(i, j) - gram.at(j, i)));
            }
            if (gram.at(i, i) < 0) {
                return Optional.of("has a negative diagonal, which no sum of squares has");
            }
        }
        if (largest == 0) {
            return Optional.of("is all zeros: no input was seen");
        }
        return difference > ASYMMETRY * largest ? Optional.of("is not symmetric") : Optional.empty();
    }
}
