package dev.gust.quantization.pipeline;

import dev.gust.formats.measure.ErrorSums;

/**
 * What became of one tensor.
 *
 * @param task the work that was done
 * @param error the error made; {@link ErrorSums#NONE} if the values are as they were
 */
public record TensorOutcome(TensorTask task, ErrorSums error) {}
