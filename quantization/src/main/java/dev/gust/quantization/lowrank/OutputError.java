package dev.gust.quantization.lowrank;

import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * How far one weight is from another.
 *
 * @param weight ‖W − Ŵ‖ / ‖W‖
 * @param output ‖(W − Ŵ)·X‖ / ‖W·X‖ over the inputs whose Gram matrix is known; empty if it is not
 */
public record OutputError(double weight, Optional<Double> output) {
    /** Measures, with the products on the decomposer's device: tr(E·G·Eᵀ) is what errors E of the weight do to outputs. */
    public static OutputError of(FloatMatrix w, FloatMatrix restored, LayerInputs inputs, Decomposer decomposer) {
        try (Arena memory = Arena.ofShared()) {
            FloatMatrix error = restored.plus(w, -1, memory);
            Optional<Double> output = inputs.gram()
                    .map(g -> FloatMatrix.of(g, memory))
                    .map(g -> ratio(energy(error, g, decomposer), energy(w, g, decomposer)));
            return new OutputError(ratio(error.energy(), w.energy()), output);
        }
    }

    private static double energy(FloatMatrix matrix, FloatMatrix gram, Decomposer decomposer) {
        try (Arena memory = Arena.ofShared()) {
            return Math.max(0, matrix.dot(decomposer.product(matrix, gram, memory)));
        }
    }

    private static double ratio(double part, double whole) {
        return part == 0 ? 0 : Math.sqrt(part / whole);
    }

    /** The share of squares that is kept: of the outputs if their error is known, else of the weight. */
    public double energyKept() {
        double error = output.orElse(weight);
        return Math.max(0, 1 - error * error);
    }
}
