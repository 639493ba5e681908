package dev.gust.runtime.lowrank.jvm;

import dev.gust.runtime.matmul.jvm.RowDecoder;
import dev.gust.runtime.matmul.jvm.ScratchPool;
import dev.gust.runtime.matmul.jvm.Tile;
import dev.gust.runtime.matmul.jvm.TiledProduct;
import dev.gust.runtime.weight.LinearWeight;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Sums of chosen rows of a matrix, each times a number: only those rows are read. Four rows at a time are restored and added
 * to sums that stay in the first-level cache. Safe to use from many threads.
 */
public final class RowSums {
    /** Most columns at a time. */
    public static final int WIDTH = TiledProduct.DEPTH;

    private static final int ROWS = 4;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
    private static final int LANES = F.length();

    private final RowDecoder decoder;
    private final ScratchPool<Tile> tiles = new ScratchPool<>(() -> new Tile(ROWS, WIDTH));

    /**
     * Which rows, and what each is times.
     *
     * @param rows the rows' indices
     * @param first where the first index is
     * @param count how many there are
     * @param factors a number for each row, {@code stride} of them to a token
     * @param from where the first token's first number is
     * @param stride numbers from one token's first to the next one's
     * @param tokens tokens
     */
    public record Choice(int[] rows, int first, int count, float[] factors, int from, int stride, int tokens) {}

    /**
     * @param rows a matrix of plain numbers
     */
    public RowSums(LinearWeight rows) {
        this.decoder = RowDecoder.of(rows);
    }

    /** Room for one token's sums of so many columns: the loops work on whole vectors. */
    public static int room(int columns) {
        return Math.ceilDiv(columns, LANES) * LANES;
    }

    /**
     * Adds up some columns.
     *
     * @param column the first
     * @param columns how many, at most {@link #WIDTH}
     * @param sums what is added to, {@code room} of it to a token; what lies beyond the columns is undefined
     * @param room as {@link #room} says for {@code columns}, or more
     */
    public void add(Choice choice, long column, int columns, float[] sums, int room) {
        Tile tile = tiles.borrow();
        float[] values = tile.values;
        int length = room(columns);
        float[] factors = choice.factors();
        for (int i = 0; i < choice.count(); i += ROWS) {
            int some = Math.min(ROWS, choice.count() - i);
            for (int r = 0; r < some; r++) {
                decoder.decode(choice.rows()[choice.first() + i + r], column, columns, tile, r * WIDTH);
            }
            for (int t = 0; t < choice.tokens(); t++) {
                int at = choice.from() + t * choice.stride() + i;
                if (some == ROWS) {
                    addFour(values, length, factors, at, sums, t * room);
                } else {
                    for (int r = 0; r < some; r++) {
                        addOne(values, r * WIDTH, length, factors[at + r], sums, t * room);
                    }
                }
            }
        }
        tiles.giveBack(tile);
    }

    /** Sums of zero. */
    public static void clear(float[] sums, int length) {
        Arrays.fill(sums, 0, length, 0);
    }

    private static void addFour(float[] values, int length, float[] factors, int at, float[] sums, int to) {
        FloatVector a = FloatVector.broadcast(F, factors[at]);
        FloatVector b = FloatVector.broadcast(F, factors[at + 1]);
        FloatVector c = FloatVector.broadcast(F, factors[at + 2]);
        FloatVector d = FloatVector.broadcast(F, factors[at + 3]);
        for (int i = 0; i < length; i += LANES) {
            FloatVector sum = FloatVector.fromArray(F, sums, to + i);
            sum = FloatVector.fromArray(F, values, i).fma(a, sum);
            sum = FloatVector.fromArray(F, values, WIDTH + i).fma(b, sum);
            sum = FloatVector.fromArray(F, values, 2 * WIDTH + i).fma(c, sum);
            sum = FloatVector.fromArray(F, values, 3 * WIDTH + i).fma(d, sum);
            sum.intoArray(sums, to + i);
        }
    }

    private static void addOne(float[] values, int from, int length, float factor, float[] sums, int to) {
        FloatVector a = FloatVector.broadcast(F, factor);
        for (int i = 0; i < length; i += LANES) {
            FloatVector.fromArray(F, values, from + i)
                    .fma(a, FloatVector.fromArray(F, sums, to + i))
                    .intoArray(sums, to + i);
        }
    }
}
