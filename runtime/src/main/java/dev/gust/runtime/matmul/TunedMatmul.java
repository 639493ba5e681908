package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.FloatMatmul;
import dev.gust.kernels.matmul.GroupMatmul;
import dev.gust.kernels.matmul.HalfMatmul;
import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.NibbleRowsMatmul;
import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.TiledMatmul;
import dev.gust.kernels.matmul.WeightCode;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * Chooses the tuned kernel for a weight's format and M, and its grid.
 *
 * <p>Few rows of x go through kernels that read the weight once for each of them; many through tiles, restored once for up
 * to 64. Weights whose rows do not fill whole words, or whose scales change within a word, and formats without a kernel of
 * their own take the general one.
 */
final class TunedMatmul {
    /** From so many rows of x on, tiles. */
    private static final int TILES_FROM = 5;

    /** More rows of x than that have a work-item make 4 × 4 sums. */
    private static final int NARROW_TILE = TiledMatmul.SIDE;

    /** Fewest work-items to a row of float32. */
    private static final int LEAST_LANES = 32;

    /** Rows of a group for float32, if it does not take up more at a time: the fastest of 4 to 32 for most sizes on an H200. */
    private static final int FLOAT_ROWS = 8;

    /** Banks of local memory. */
    private static final int BANKS = 32;

    /** Codes that kernels for packed codes and several rows of x take at once; K is a multiple of it. */
    private static final int RUN = 32;

    /** Fewest codes with a scale of one byte. */
    private static final int HALF_RUN = RUN / 2;

    private TunedMatmul() {}

    static KernelCall call(String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        if (capacity >= TILES_FROM) {
            int vectors = capacity > NARROW_TILE ? 4 : 1;
            return KernelCall.tuned(
                    name,
                    new TunedKernels.Tiles(w, shape, x, y, capacity, vectors),
                    Grid.ofGroups(
                            Math.ceilDiv(w.n(), TiledMatmul.ROWS),
                            Math.ceilDiv(capacity, TiledMatmul.SIDE * vectors),
                            TiledMatmul.SIDE,
                            TiledMatmul.SIDE));
        }
        return few(name, w, shape, x, y, capacity, Tuning.of(w, isGrouped(w, shape), capacity));
    }

    /** Whether so many rows of x are few. */
    static boolean isFew(int capacity) {
        return capacity < TILES_FROM;
    }

    /** The call for few rows of x. */
    static KernelCall few(
            String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity, Tuning tuning) {
        if (w.code() == WeightCode.F32) {
            return floats(name, w, shape, x, y, capacity);
        }
        if (isHalves(w)) {
            return KernelCall.tuned(
                    name,
                    new TunedKernels.Halves(w, shape, x, y, tuning),
                    Grid.ofGroups(groups(w, tuning), capacity, tuning.local(), 1));
        }
        if (isPacked(w, shape)) {
            return capacity == 1
                    ? KernelCall.tuned(
                            name,
                            new TunedKernels.Row(w, shape, x, y, tuning),
                            Grid.ofGroups(groups(w, tuning), 1, BANKS, tuning.local() / BANKS))
                    : KernelCall.tuned(
                            name,
                            new TunedKernels.Rows(w, shape, x, y, tuning),
                            Grid.ofGroups(
                                    groups(w, tuning),
                                    Math.ceilDiv(capacity, NibbleRowsMatmul.VECTORS),
                                    BANKS,
                                    tuning.local() / BANKS));
        }
        return KernelCall.tuned(
                name, new TunedKernels.General(w, shape, x, y), Grid.ofGroups(w.n(), capacity, GroupMatmul.LOCAL, 1));
    }

    /** All of a group to a row where each work-item gets four numbers of it; where rows are shorter, fewer. */
    private static KernelCall floats(
            String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        int lanes = FloatMatmul.LOCAL;
        while (lanes > LEAST_LANES && w.k() < 4 * lanes) {
            lanes /= 2;
        }
        int rows = Math.max(FLOAT_ROWS, FloatMatmul.LOCAL / lanes * FloatMatmul.BATCH);
        return KernelCall.tuned(
                name,
                new TunedKernels.Floats(w, shape, x, y, lanes, rows),
                Grid.ofGroups(Math.ceilDiv(w.n(), rows), capacity, FloatMatmul.LOCAL, 1));
    }

    private static int groups(PackedArrays w, Tuning tuning) {
        return Math.min(Math.ceilDiv(w.n(), tuning.rows()), tuning.groups());
    }

    /** Whether it is of 16-bit floats, and rows begin with a word. */
    private static boolean isHalves(PackedArrays w) {
        return (w.code() == WeightCode.F16 || w.code() == WeightCode.BF16) && w.k() % HalfMatmul.CODES == 0;
    }

    /** Whether codes and scales lie so that kernels for whole runs of codes can take them. */
    private static boolean isPacked(PackedArrays w, IntArray shape) {
        boolean nibbles = w.code() == WeightCode.BITS_4;
        if (!nibbles && w.code() != WeightCode.BITS_8 || w.k() == 0 || w.k() % RUN != 0) {
            return false;
        }
        if (!isGrouped(w, shape)) {
            return true;
        }
        int columns = shape.get(MatmulShape.SCALE_COLUMNS);
        boolean wholeRuns = columns % RUN == 0 || w.scale() == ScaleCode.BYTES && columns == HALF_RUN;
        boolean wholeWords = shape.get(MatmulShape.SCALE_GRID_COLUMNS) % Integer.BYTES == 0;
        return wholeRuns && (wholeWords || w.scale() == ScaleCode.FLOATS);
    }

    /** Whether scales change along a row. */
    static boolean isGrouped(PackedArrays w, IntArray shape) {
        return w.scale() != ScaleCode.NONE && shape.get(MatmulShape.SCALE_GRID_COLUMNS) > 1;
    }
}
