package dev.gust.quantization.report;

import dev.gust.formats.measure.ErrorSums;

/**
 * What values lost, in the usual figures.
 *
 * @param sqnrDb signal to quantization noise in dB; infinite where there is no noise
 * @param mse mean squared error
 * @param maxAbs largest absolute error
 * @param cosine cosine of the angle between before and after
 */
public record ErrorFigures(double sqnrDb, double mse, double maxAbs, double cosine) {
    public static ErrorFigures of(ErrorSums sums) {
        return new ErrorFigures(sums.sqnrDb(), sums.mse(), sums.maxAbs(), sums.cosine());
    }
}
