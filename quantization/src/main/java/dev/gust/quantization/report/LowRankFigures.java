package dev.gust.quantization.report;

import java.util.Optional;

/**
 * What became of a weight that is stored as factors, measured on what was written.
 *
 * @param rank r
 * @param energy the share of the squares that the factors as they are stored keep, without the residual: of the layer's
 *     outputs where its Gram matrix is known, else of the weight
 * @param weightError ‖W − Ŵ‖ / ‖W‖, residual included; 0 for a weight of zeros restored as zeros
 * @param outputError ‖(W − Ŵ)·X‖ / ‖W·X‖ over the inputs of the calibration; empty without a Gram matrix
 * @param parametersBefore numbers that the weight has
 * @param parametersAfter numbers that its factors and residual have
 */
public record LowRankFigures(
        int rank,
        double energy,
        double weightError,
        Optional<Double> outputError,
        long parametersBefore,
        long parametersAfter) {}
