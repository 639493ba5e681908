package dev.gust.cli;

import dev.gust.quantization.report.LowRankFigures;
import dev.gust.quantization.report.QuantizationReport;
import dev.gust.quantization.report.ReportJson;
import dev.gust.quantization.report.TensorRow;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;

/** A decomposition's report on stdout: a table for people, a document for programs. */
final class LowRankPrinter {
    private LowRankPrinter() {}

    static void print(QuantizationReport report, CommonOptions common, boolean verbose) {
        PrintWriter out = common.out();
        if (common.json) {
            out.print(ReportJson.render(report));
            return;
        }
        if (common.quiet) {
            return;
        }
        var table = new TextTable(
                "tensor", "shape", "to", ">rank", ">energy %", ">weight error", ">output error", ">numbers", "note");
        for (TensorRow row : report.tensors()) {
            row.lowRank().ifPresentOrElse(figures -> add(table, row, figures), () -> {
                if (verbose) {
                    table.row(row.name(), row.shape().toString(), row.to(), "", "", "", "", "", row.reason());
                }
            });
        }
        List<LowRankFigures> all =
                report.tensors().stream().flatMap(r -> r.lowRank().stream()).toList();
        long before = all.stream().mapToLong(LowRankFigures::parametersBefore).sum();
        long after = all.stream().mapToLong(LowRankFigures::parametersAfter).sum();
        table.row(
                all.size() + " tensors",
                "",
                "",
                "",
                "",
                "",
                "",
                Figures.grouped(after),
                "of " + Figures.grouped(before) + " before");
        table.print(out);
        ReportPrinter.copied(report).forEach(line -> out.println(OneLine.of(line)));
        out.printf(
                Locale.ROOT,
                "wrote %s: %s -> %s (%s) in %.1f s, small factorizations by %s%n",
                OneLine.of(report.output()),
                Figures.bytes(report.totals().bytesBefore()),
                Figures.bytes(report.totals().bytesAfter()),
                Figures.ratio(report.totals().bytesBefore(), report.totals().bytesAfter()),
                report.seconds(),
                report.settings().getOrDefault("library", ""));
    }

    private static void add(TextTable table, TensorRow row, LowRankFigures figures) {
        table.row(
                row.name(),
                row.shape().toString(),
                row.to(),
                String.valueOf(figures.rank()),
                String.format(Locale.ROOT, "%.2f", 100 * figures.energy()),
                String.format(Locale.ROOT, "%.4f", figures.weightError()),
                figures.outputError()
                        .map(e -> String.format(Locale.ROOT, "%.4f", e))
                        .orElse(""),
                Figures.grouped(figures.parametersAfter()),
                row.reason());
    }
}
