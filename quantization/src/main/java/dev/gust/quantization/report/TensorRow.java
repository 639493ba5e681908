package dev.gust.quantization.report;

import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.pipeline.TensorOutcome;
import dev.gust.quantization.pipeline.TensorTask;
import java.util.Optional;

/**
 * One tensor of a report.
 *
 * @param name its name in the model
 * @param shape its dimensions
 * @param from how it was stored
 * @param to how it is stored now
 * @param bytesBefore bytes it took
 * @param bytesAfter bytes it takes, scales included
 * @param error what its values lost; empty if they are unchanged or not measured yet
 * @param reason why it is not stored as asked; empty if it is
 * @param lowRank what is to be said of its factors; empty if it has none
 */
public record TensorRow(
        String name,
        Shape shape,
        String from,
        String to,
        long bytesBefore,
        long bytesAfter,
        Optional<ErrorFigures> error,
        String reason,
        Optional<LowRankFigures> lowRank) {

    /** The row for a tensor that was written. */
    public static TensorRow of(TensorOutcome outcome) {
        return of(outcome.task(), outcome.error());
    }

    /** The row for a tensor that would be written. */
    public static TensorRow planned(TensorTask task) {
        return of(task, ErrorSums.NONE);
    }

    private static TensorRow of(TensorTask task, ErrorSums error) {
        return new TensorRow(
                task.source().name(),
                task.source().shape(),
                task.source().encoding().label(),
                task.encoding(),
                task.source().byteSize(),
                task.outputs().stream().mapToLong(t -> t.byteSize()).sum(),
                error.count() == 0 ? Optional.empty() : Optional.of(ErrorFigures.of(error)),
                task.reason(),
                Optional.empty());
    }

    /** The same row with what is to be said of its factors. */
    public TensorRow with(LowRankFigures figures) {
        return new TensorRow(name, shape, from, to, bytesBefore, bytesAfter, error, reason, Optional.of(figures));
    }

    /** Whether its values are stored in another form than before. */
    public boolean isChanged() {
        return !from.equals(to);
    }
}
