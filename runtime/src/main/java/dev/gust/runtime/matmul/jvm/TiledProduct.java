package dev.gust.runtime.matmul.jvm;

import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The product for any stored form and any M: four rows of the weight at a time are restored, a piece that stays in the
 * first-level cache, and multiplied with every row of a panel of x before the next piece is restored.
 */
public final class TiledProduct implements RowsProduct {
    /** Columns that are restored at a time: a multiple of every block, and four rows of it are 16 KiB. */
    public static final int DEPTH = 1024;

    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** A panel of x takes about half a MiB, so that it stays in the second-level cache. */
    private static final int PANEL_FLOATS = 128 * 1024;

    private static final int LEAST_PANEL = 8;
    private static final int MOST_PANEL = 64;

    private final LinearWeight weight;
    private final boolean adds;
    private final RowDecoder decoder;
    private final int k;
    private final int stride;
    private final int panelRows;
    private final ScratchPool<Panel> panels;
    private final ScratchPool<Work> works;

    /** A panel of x, zero beyond K. */
    private final class Panel implements Input {
        final float[] x = new float[Math.multiplyExact(panelRows, stride)];
        int rows;

        @Override
        public void close() {
            panels.giveBack(this);
        }
    }

    /** Four restored rows, and their sums with each row of the panel. */
    private final class Work {
        final Tile tile = new Tile(TileLoops.ROWS, DEPTH);
        final float[] sums = new float[TileLoops.ROWS * panelRows];
    }

    public TiledProduct(LinearWeight weight) {
        this(weight, false);
    }

    /**
     * @param adds whether products are added to what y holds
     */
    public TiledProduct(LinearWeight weight, boolean adds) {
        this.weight = weight;
        this.adds = adds;
        this.decoder = RowDecoder.of(weight);
        this.k = Math.toIntExact(weight.k());
        this.stride = Math.toIntExact(roundUp(weight.k()));
        this.panelRows = Math.clamp(PANEL_FLOATS / Math.max(1, stride), LEAST_PANEL, MOST_PANEL);
        this.panels = new ScratchPool<>(Panel::new);
        this.works = new ScratchPool<>(Work::new);
    }

    private static long roundUp(long count) {
        return Math.ceilDiv(count, (long) TileLoops.LANES) * TileLoops.LANES;
    }

    @Override
    public int panelRows() {
        return panelRows;
    }

    @Override
    public Input prepare(MemorySegment x, long firstRow, int rows) {
        Panel panel = panels.borrow();
        panel.rows = rows;
        for (int i = 0; i < rows; i++) {
            MemorySegment.copy(x, F32, (firstRow + i) * k * Float.BYTES, panel.x, i * stride, k);
        }
        return panel;
    }

    @Override
    public void multiply(Input input, long firstRow, long first, long end, MemorySegment y) {
        Panel panel = (Panel) input;
        Work work = works.borrow();
        for (long row = first; row < end; row += TileLoops.ROWS) {
            int count = (int) Math.min(TileLoops.ROWS, end - row);
            sum(panel, work, row, count);
            for (int i = 0; i < panel.rows; i++) {
                long to = (firstRow + i) * weight.n() + row;
                for (int r = 0; r < count; r++) {
                    float product = work.sums[TileLoops.ROWS * i + r] * weight.factor();
                    long at = (to + r) * Float.BYTES;
                    y.set(F32, at, adds ? y.get(F32, at) + product : product);
                }
            }
        }
        works.giveBack(work);
    }

    /** Rows of the tile beyond {@code count} hold what was there before: their sums go nowhere. */
    private void sum(Panel panel, Work work, long row, int count) {
        Arrays.fill(work.sums, 0, TileLoops.ROWS * panel.rows, 0);
        float[] values = work.tile.values;
        for (int c = 0; c < k; c += DEPTH) {
            int depth = Math.min(DEPTH, k - c);
            int length = (int) roundUp(depth);
            for (int r = 0; r < count; r++) {
                decoder.decode(row + r, c, depth, work.tile, r * DEPTH);
                Arrays.fill(values, r * DEPTH + depth, r * DEPTH + length, 0);
            }
            int i = 0;
            for (; i + 1 < panel.rows; i += 2) {
                int from = i * stride + c;
                TileLoops.addTwo(values, DEPTH, length, panel.x, from, from + stride, work.sums, TileLoops.ROWS * i);
            }
            if (i < panel.rows) {
                TileLoops.addOne(values, DEPTH, length, panel.x, i * stride + c, work.sums, TileLoops.ROWS * i);
            }
        }
    }
}
