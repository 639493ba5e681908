package dev.gust.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The figures of all heads of a matrix as a Markdown table. */
final class RecallTable {
    private RecallTable() {}

    /**
     * Writes a table.
     *
     * @param title what was measured
     * @param figures its rows
     */
    static void write(String title, List<HeadFigures> figures, Path file) throws IOException {
        var lines = new ArrayList<String>();
        lines.add(title + ". Bold: recall@32 of 0.999 with both noises, below a tenth of the bytes.");
        lines.add("");
        lines.add(
                "| head | search | bytes of a query | of all | 0.5: recall@1, 8, 32, 128 | 2: recall@1, 8, 32, 128 | queries/s |");
        lines.add("|---|---|---|---|---|---|---|");
        for (HeadFigures f : figures) {
            String bold = f.reachesTheGoal() ? "**" : "";
            lines.add(String.format(
                    Locale.ROOT,
                    "| %s | %s | %,.0f | %s%.2f %%%s | %s | %s | %,.0f |",
                    f.label(),
                    f.search(),
                    f.bytes(),
                    bold,
                    100 * f.share(),
                    bold,
                    recalls(f.recall()[0]),
                    recalls(f.recall()[1]),
                    f.rate()));
        }
        Files.write(file, lines);
    }

    private static String recalls(double... recall) {
        var text = new ArrayList<String>();
        for (double r : recall) {
            text.add(Double.isNaN(r) ? "–" : String.format(Locale.ROOT, "%.4f", r));
        }
        return String.join(" ", text);
    }
}
