package dev.gust.quantization.report;

import dev.gust.formats.measure.ErrorSums;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.TensorOutcome;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a run did, or would do.
 *
 * @param verb the command
 * @param input the model, as the user named it
 * @param output the target
 * @param settings what was asked for, by option name
 * @param planned whether nothing was written
 * @param seconds time the run took; 0 if planned
 * @param tensors every tensor of the model
 * @param totals over all tensors
 */
public record QuantizationReport(
        String verb,
        String input,
        String output,
        Map<String, String> settings,
        boolean planned,
        double seconds,
        List<TensorRow> tensors,
        Totals totals) {
    /**
     * Sums over a model.
     *
     * @param tensors number of tensors
     * @param changed number of tensors stored in another form than before
     * @param bytesBefore bytes of all tensors before
     * @param bytesAfter bytes of all tensors after
     * @param changedBytesBefore bytes of the changed tensors before
     * @param changedBytesAfter bytes of the changed tensors after
     * @param error over the values of all changed tensors together
     */
    public record Totals(
            int tensors,
            int changed,
            long bytesBefore,
            long bytesAfter,
            long changedBytesBefore,
            long changedBytesAfter,
            Optional<ErrorFigures> error) {}

    /** The report of a run. */
    public static QuantizationReport of(
            String verb,
            String input,
            OutputPlan plan,
            Map<String, String> settings,
            List<TensorOutcome> outcomes,
            double seconds) {
        ErrorSums sum = ErrorSums.NONE;
        for (TensorOutcome outcome : outcomes) {
            sum = sum.merge(outcome.error());
        }
        return of(
                verb,
                input,
                plan,
                settings,
                false,
                seconds,
                outcomes.stream().map(TensorRow::of).toList(),
                sum.count() == 0 ? Optional.empty() : Optional.of(ErrorFigures.of(sum)));
    }

    /** What a run would do. */
    public static QuantizationReport planned(String verb, String input, OutputPlan plan, Map<String, String> settings) {
        return of(
                verb,
                input,
                plan,
                settings,
                true,
                0,
                plan.tasks().stream().map(TensorRow::planned).toList(),
                Optional.empty());
    }

    private static QuantizationReport of(
            String verb,
            String input,
            OutputPlan plan,
            Map<String, String> settings,
            boolean planned,
            double seconds,
            List<TensorRow> rows,
            Optional<ErrorFigures> error) {
        List<TensorRow> changed = rows.stream().filter(TensorRow::isChanged).toList();
        var totals = new Totals(
                rows.size(),
                changed.size(),
                plan.bytesBefore(),
                plan.bytesAfter(),
                changed.stream().mapToLong(TensorRow::bytesBefore).sum(),
                changed.stream().mapToLong(TensorRow::bytesAfter).sum(),
                error);
        return new QuantizationReport(verb, input, plan.target().toString(), settings, planned, seconds, rows, totals);
    }

    /** The same report with what is to be said of factors, by tensor name. */
    public QuantizationReport with(Map<String, LowRankFigures> figures) {
        List<TensorRow> rows = tensors.stream()
                .map(row -> Optional.ofNullable(figures.get(row.name()))
                        .map(row::with)
                        .orElse(row))
                .toList();
        return new QuantizationReport(verb, input, output, settings, planned, seconds, rows, totals);
    }
}
