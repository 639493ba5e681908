package dev.gust.cli;

import dev.gust.quantization.report.QuantizationReport;
import dev.gust.quantization.report.ReportJson;
import dev.gust.quantization.report.TensorRow;
import java.io.PrintWriter;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** A run's report on stdout: a table for people, a document for programs. */
final class ReportPrinter {
    private ReportPrinter() {}

    static void print(QuantizationReport report, CommonOptions common, boolean verbose) {
        PrintWriter out = common.out();
        if (common.json) {
            out.print(ReportJson.render(report));
            return;
        }
        if (common.quiet) {
            return;
        }
        var table = new TextTable("tensor", "shape", "from", "to", ">before", ">after", ">SQNR dB", "note");
        for (TensorRow row : report.tensors()) {
            if (verbose || row.isChanged()) {
                table.row(
                        row.name(),
                        row.shape().toString(),
                        row.from(),
                        row.to(),
                        Figures.grouped(row.bytesBefore()),
                        Figures.grouped(row.bytesAfter()),
                        row.error().map(e -> Figures.decibels(e.sqnrDb())).orElse(""),
                        row.reason());
            }
        }
        QuantizationReport.Totals totals = report.totals();
        table.row(
                totals.changed() + " tensors",
                "",
                "",
                "",
                Figures.grouped(totals.changedBytesBefore()),
                Figures.grouped(totals.changedBytesAfter()),
                totals.error().map(e -> Figures.decibels(e.sqnrDb())).orElse(""),
                Figures.ratio(totals.changedBytesBefore(), totals.changedBytesAfter()) + " smaller");
        table.print(out);
        copied(report).forEach(line -> out.println(OneLine.of(line)));
        out.printf(
                Locale.ROOT,
                "%s %s: %s -> %s (%s)%s%n",
                report.planned() ? "would write" : "wrote",
                OneLine.of(report.output()),
                Figures.bytes(totals.bytesBefore()),
                Figures.bytes(totals.bytesAfter()),
                Figures.ratio(totals.bytesBefore(), totals.bytesAfter()),
                report.planned() ? "" : String.format(Locale.ROOT, " in %.1f s", report.seconds()));
    }

    /** A line for each reason for which tensors were only copied. */
    static List<String> copied(QuantizationReport report) {
        var reasons = report.tensors().stream()
                .filter(r -> !r.isChanged())
                .collect(Collectors.groupingBy(TensorRow::reason, TreeMap::new, Collectors.toList()));
        return reasons.entrySet().stream()
                .sorted(Comparator.comparingInt(e -> -e.getValue().size()))
                .map(e -> "copied " + e.getValue().size() + " (" + (e.getKey().isEmpty() ? "as they are" : e.getKey())
                        + "), "
                        + Figures.bytes(e.getValue().stream()
                                .mapToLong(TensorRow::bytesAfter)
                                .sum()))
                .toList();
    }
}
