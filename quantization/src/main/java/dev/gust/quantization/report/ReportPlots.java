package dev.gust.quantization.report;

import java.util.List;
import java.util.Locale;

/** The plots of a report, as SVG that takes its colours from the page. */
final class ReportPlots {
    private static final int WIDTH = 1100;
    private static final int LABELS = 430;
    private static final int ROW = 17;
    private static final int BINS = 24;

    private ReportPlots() {}

    /** A bar for each tensor, in the model's order. */
    static String sqnr(List<TensorRow> rows) {
        double largest =
                rows.stream().mapToDouble(ReportPlots::finiteSqnr).max().orElse(1);
        double scale = (WIDTH - LABELS - 60) / Math.max(1, largest);
        int height = rows.size() * ROW + 8;
        var svg = open(height);
        int y = 4;
        for (TensorRow row : rows) {
            double length = Math.max(0, finiteSqnr(row)) * scale;
            text(svg, LABELS - 8, y + 12, "end", shortened(row.name()));
            bar(svg, "bar", LABELS, y + 2, length, ROW - 5);
            text(
                    svg,
                    LABELS + length + 6,
                    y + 12,
                    "start",
                    ReportHtml.decibels(row.error().orElseThrow().sqnrDb()));
            y += ROW;
        }
        return svg.append("</svg>\n").toString();
    }

    /** How many tensors have which SQNR; those that lost nothing have none. */
    static String histogram(List<TensorRow> all) {
        List<TensorRow> rows = all.stream()
                .filter(r -> Double.isFinite(r.error().orElseThrow().sqnrDb()))
                .toList();
        double low = rows.stream().mapToDouble(ReportPlots::finiteSqnr).min().orElse(0);
        double high = rows.stream().mapToDouble(ReportPlots::finiteSqnr).max().orElse(1);
        double span = Math.max(high - low, 0.1);
        int[] counts = new int[BINS];
        for (TensorRow row : rows) {
            counts[(int) Math.min(BINS - 1, (finiteSqnr(row) - low) / span * BINS)]++;
        }
        int most = 1;
        for (int count : counts) {
            most = Math.max(most, count);
        }
        int height = 160;
        int base = height - 24;
        double step = (WIDTH - 80) / (double) BINS;
        var svg = open(height);
        for (int i = 0; i < BINS; i++) {
            double tall = (base - 20.0) * counts[i] / most;
            bar(svg, "bar", 40 + i * step, base - tall, step - 3, tall);
            if (counts[i] > 0) {
                text(svg, 40 + (i + 0.5) * step, base - tall - 4, "middle", String.valueOf(counts[i]));
            }
        }
        line(svg, 40, base, WIDTH - 40, base);
        text(svg, 40, height - 6, "start", ReportHtml.decibels(low) + " dB");
        text(svg, WIDTH - 40, height - 6, "end", ReportHtml.decibels(low + span) + " dB");
        return svg.append("</svg>\n").toString();
    }

    /** The model before and after, the part that was stored anew told apart. */
    static String sizes(QuantizationReport.Totals totals) {
        double scale = (WIDTH - 280) / Math.max(1.0, (double) Math.max(totals.bytesBefore(), totals.bytesAfter()));
        var svg = open(64);
        size(svg, 4, "before", totals.bytesBefore(), totals.changedBytesBefore(), scale);
        size(svg, 32, "after", totals.bytesAfter(), totals.changedBytesAfter(), scale);
        return svg.append("</svg>\n<p>Blue: tensors stored anew. Grey: tensors as they were.</p>\n")
                .toString();
    }

    private static void size(StringBuilder svg, int y, String label, long all, long changed, double scale) {
        text(svg, 92, y + 15, "end", label);
        bar(svg, "bar", 100, y, changed * scale, 22);
        bar(svg, "bar2", 100 + changed * scale, y, (all - changed) * scale, 22);
        text(svg, 100 + all * scale + 8, y + 15, "start", ReportHtml.bytes(all));
    }

    private static double finiteSqnr(TensorRow row) {
        double db = row.error().orElseThrow().sqnrDb();
        return Double.isFinite(db) ? db : 0;
    }

    private static String shortened(String name) {
        return name.length() <= 66 ? name : "…" + name.substring(name.length() - 65);
    }

    private static StringBuilder open(int height) {
        return new StringBuilder("<svg viewBox=\"0 0 " + WIDTH + " " + height + "\" width=\"100%\" role=\"img\">\n");
    }

    private static void bar(StringBuilder svg, String style, double x, double y, double width, double height) {
        svg.append(String.format(
                Locale.ROOT,
                "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>%n",
                style,
                x,
                y,
                Math.max(0, width),
                Math.max(0, height)));
    }

    private static void line(StringBuilder svg, double x1, double y1, double x2, double y2) {
        svg.append(String.format(
                Locale.ROOT, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>%n", x1, y1, x2, y2));
    }

    private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
        svg.append(String.format(Locale.ROOT, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor))
                .append(ReportHtml.escape(text))
                .append("</text>\n");
    }
}
