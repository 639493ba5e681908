package dev.gust.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A plain table: columns as wide as their widest cell, numbers to the right. */
final class TextTable {
    private final List<String> heads;
    private final boolean[] right;
    private final List<List<String>> rows = new ArrayList<>();

    /** Heads that begin with {@code >} make a column that is aligned to the right. */
    TextTable(String... heads) {
        this.heads = new ArrayList<>();
        right = new boolean[heads.length];
        for (int i = 0; i < heads.length; i++) {
            right[i] = heads[i].startsWith(">");
            this.heads.add(right[i] ? heads[i].substring(1) : heads[i]);
        }
    }

    void row(String... cells) {
        rows.add(Arrays.stream(cells).map(OneLine::of).toList());
    }

    void print(PrintWriter out) {
        int[] widths = new int[heads.size()];
        measure(heads, widths);
        rows.forEach(r -> measure(r, widths));
        print(out, heads, widths);
        rows.forEach(r -> print(out, r, widths));
    }

    private static void measure(List<String> cells, int[] widths) {
        for (int i = 0; i < cells.size(); i++) {
            widths[i] = Math.max(widths[i], cells.get(i).length());
        }
    }

    private void print(PrintWriter out, List<String> cells, int[] widths) {
        var line = new StringBuilder();
        for (int i = 0; i < cells.size(); i++) {
            String pad = " ".repeat(widths[i] - cells.get(i).length());
            line.append(i == 0 ? "" : "  ").append(right[i] ? pad + cells.get(i) : cells.get(i) + pad);
        }
        out.println(line.toString().stripTrailing());
    }
}
