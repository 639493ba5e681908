package dev.gust.quantization.report;

import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** A report as one page that needs nothing beside it: no script, no font, no network. */
public final class ReportHtml {
    private static final String STYLE = """
            :root { color-scheme: light dark; --ink: #1c2430; --soft: #667085; --line: #d7dce4; --bar: #2f6fde;
              --bar2: #b9c6da; --paper: #fff; }
            @media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #344054;
              --bar: #6ea0ff; --bar2: #475467; --paper: #14181f; } }
            body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper);
              max-width: 84rem; margin: 2rem auto; padding: 0 1rem; }
            h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
            table { border-collapse: collapse; width: 100%; }
            th, td { text-align: left; white-space: nowrap; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
            th { color: var(--soft); font-weight: 600; } td.n, th.n { text-align: right;
              font-variant-numeric: tabular-nums; }
            .facts { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1rem 0; }
            .facts b { display: block; font-size: 1.3rem; } .facts span { color: var(--soft); }
            svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } svg .soft { fill: var(--soft); }
            svg .bar { fill: var(--bar); } svg .bar2 { fill: var(--bar2); } svg line { stroke: var(--line); }
            """;

    /** What no page may contain, however it is written: control characters and halves of pairs. */
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cc}\\p{Cs}\uFFFE\uFFFF]");

    private ReportHtml() {}

    /** The page. */
    public static String render(QuantizationReport report) {
        var page = new StringBuilder();
        page.append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>")
                .append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/><title>")
                .append(escape(report.verb() + " " + report.output()))
                .append("</title><style>\n")
                .append(STYLE)
                .append("</style></head><body>\n<h1>gust ")
                .append(escape(report.verb()))
                .append(": ")
                .append(escape(report.input()))
                .append("</h1>\n");
        facts(page, report);
        List<TensorRow> measured =
                report.tensors().stream().filter(r -> r.error().isPresent()).toList();
        if (!measured.isEmpty()) {
            page.append("<h2>Signal to quantization noise per tensor, dB</h2>\n")
                    .append(ReportPlots.sqnr(measured))
                    .append("<h2>Distribution of SQNR over tensors</h2>\n")
                    .append(ReportPlots.histogram(measured));
        }
        page.append("<h2>Bytes before and after</h2>\n").append(ReportPlots.sizes(report.totals()));
        table(page, report);
        return page.append("</body></html>\n").toString();
    }

    private static void facts(StringBuilder page, QuantizationReport report) {
        QuantizationReport.Totals totals = report.totals();
        page.append("<div class=\"facts\">");
        fact(page, totals.changed() + " of " + totals.tensors(), "tensors stored anew");
        fact(page, bytes(totals.bytesBefore()) + " → " + bytes(totals.bytesAfter()), "whole model");
        fact(page, bytes(totals.changedBytesBefore()) + " → " + bytes(totals.changedBytesAfter()), "these tensors");
        totals.error().ifPresent(e -> fact(page, decibels(e.sqnrDb()) + " dB", "SQNR over all their values"));
        fact(page, String.format(Locale.ROOT, "%.1f s", report.seconds()), "time");
        page.append("</div>\n<p>");
        report.settings()
                .forEach((key, value) -> page.append(escape(key))
                        .append(" <b>")
                        .append(escape(value))
                        .append("</b> &#160; "));
        page.append("<br/>output <b>").append(escape(report.output())).append("</b></p>\n");
    }

    private static void fact(StringBuilder page, String value, String label) {
        page.append("<div><b>")
                .append(escape(value))
                .append("</b><span>")
                .append(escape(label))
                .append("</span></div>");
    }

    private static void table(StringBuilder page, QuantizationReport report) {
        page.append("<h2>Tensors</h2>\n<table><tr><th>tensor</th><th>shape</th><th>from</th><th>to</th>")
                .append("<th class=\"n\">bytes before</th><th class=\"n\">bytes after</th><th class=\"n\">SQNR dB</th>")
                .append(
                        "<th class=\"n\">MSE</th><th class=\"n\">max abs</th><th class=\"n\">cosine</th><th>note</th></tr>\n");
        for (TensorRow row : report.tensors()) {
            page.append("<tr><td>").append(escape(row.name()));
            page.append("</td><td>").append(row.shape());
            page.append("</td><td>").append(escape(row.from()));
            page.append("</td><td>").append(escape(row.to())).append("</td>");
            number(page, String.format(Locale.ROOT, "%,d", row.bytesBefore()));
            number(page, String.format(Locale.ROOT, "%,d", row.bytesAfter()));
            number(page, row.error().map(e -> decibels(e.sqnrDb())).orElse(""));
            number(
                    page,
                    row.error()
                            .map(e -> String.format(Locale.ROOT, "%.3g", e.mse()))
                            .orElse(""));
            number(
                    page,
                    row.error()
                            .map(e -> String.format(Locale.ROOT, "%.3g", e.maxAbs()))
                            .orElse(""));
            number(
                    page,
                    row.error()
                            .map(e -> String.format(Locale.ROOT, "%.6f", e.cosine()))
                            .orElse(""));
            page.append("<td>")
                    .append(escape(row.lowRank().map(ReportHtml::lowRank).orElse("") + row.reason()))
                    .append("</td></tr>\n");
        }
        page.append("</table>\n");
    }

    private static String lowRank(LowRankFigures f) {
        return String.format(
                Locale.ROOT,
                "rank %d, energy %.2f %%, weight error %.4f%s, %,d of %,d parameters. ",
                f.rank(),
                100 * f.energy(),
                f.weightError(),
                f.outputError()
                        .map(e -> String.format(Locale.ROOT, ", output error %.4f", e))
                        .orElse(""),
                f.parametersAfter(),
                f.parametersBefore());
    }

    private static void number(StringBuilder page, String value) {
        page.append("<td class=\"n\">").append(value).append("</td>");
    }

    /** As {@code 43.4 MB}. */
    static String bytes(long n) {
        double value = n;
        for (String unit : List.of("B", "kB", "MB", "GB")) {
            if (value < 1000) {
                return unit.equals("B") ? n + " B" : String.format(Locale.ROOT, "%.1f %s", value, unit);
            }
            value /= 1000;
        }
        return String.format(Locale.ROOT, "%.1f TB", value);
    }

    static String decibels(double db) {
        return db == Double.POSITIVE_INFINITY ? "exact" : String.format(Locale.ROOT, "%.2f", db);
    }

    /** Names come from model files: nothing in one may become markup. */
    static String escape(String text) {
        return CONTROL.matcher(text)
                .replaceAll("\uFFFD")
                .replace("&", "&amp;")
                .replace("<", "&lt;")
                .replace(">", "&gt;")
                .replace("\"", "&quot;")
                .replace("'", "&#39;");
    }
}
