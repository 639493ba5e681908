package dev.gust.cli;

import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.report.QuantizationReport;
import dev.gust.quantization.report.ReportJson;
import java.util.Locale;
import java.util.Map;

/** The run that {@code convert} and {@code dequantize} share, with its closing line. */
final class RewriteRun {
    private RewriteRun() {}

    static void run(
            String verb,
            String in,
            Models model,
            OutputPlan plan,
            Map<String, String> settings,
            CommonOptions common,
            WritingOptions writing) {
        common.interruption().watch();
        long start = System.nanoTime();
        var outcomes = ModelWriter.write(model.logical(), plan, writing.run(common));
        double seconds = (System.nanoTime() - start) / 1e9;
        var report = QuantizationReport.of(verb, in, plan, settings, outcomes, seconds);
        if (common.json) {
            common.out().print(ReportJson.render(report));
        } else if (!common.quiet) {
            common.out()
                    .printf(
                            Locale.ROOT,
                            "wrote %s: %d tensors, %s -> %s in %.1f s%n",
                            OneLine.of(report.output()),
                            report.totals().tensors(),
                            Figures.bytes(report.totals().bytesBefore()),
                            Figures.bytes(report.totals().bytesAfter()),
                            seconds);
        }
    }
}
