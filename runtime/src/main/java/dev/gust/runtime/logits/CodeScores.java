package dev.gust.runtime.logits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Scores from codes into codebooks: for each hidden state a table of products of its parts with all entries is made once
 * (asymmetric distance computation, Jégou et al. 2011, section III-B), and a token's score is a sum of one number from each.
 */
final class CodeScores implements TokenScores {
    private final boolean lanes;
    private final Screen.Codes screen;
    private final CodeTables tables;
    private final MemorySegment codes;

    CodeScores(int v, int d, Screen.Codes screen) {
        this(v, d, screen, CodeLanes.FIT && screen.s() <= CodeLanes.MOST_CODES);
    }

    /** @param lanes whether codes are looked up 64 at a time, in rounded tables, or one by one */
    CodeScores(int v, int d, Screen.Codes screen, boolean lanes) {
        this.lanes = lanes;
        this.screen = screen;
        this.tables = new CodeTables(d, screen);
        this.codes = lanes ? CodeLanes.pack(v, screen, Arena.ofAuto()) : screen.codes();
    }

    @Override
    public Panel panel(MemorySegment h, int firstRow, int rows) {
        var byRow = new CodeTables.Rounded[rows];
        for (int row = 0; row < rows; row++) {
            byRow[row] = tables.round(h, firstRow + row);
        }
        return (row, first, count, to) -> {
            CodeTables.Rounded table = byRow[row];
            if (lanes) {
                CodeLanes.scores(codes, screen.s(), first, table, to);
            } else {
                plain(table.exact(), first, count, to);
            }
        };
    }

    private void plain(float[] table, int first, int count, float[] to) {
        int s = screen.s();
        for (int i = 0; i < count; i++) {
            float sum = 0;
            long at = (long) (first + i) * s;
            for (int j = 0; j < s; j++) {
                sum += table[j * CodeTables.ENTRIES + (codes.get(ValueLayout.JAVA_BYTE, at + j) & 0xFF)];
            }
            to[i] = sum;
        }
    }
}
