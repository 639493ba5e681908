package dev.gust.runtime.matmul;

import dev.gust.kernels.matmul.BrainMatmul;
import dev.gust.kernels.matmul.ByteMatmul;
import dev.gust.kernels.matmul.FloatMatmul;
import dev.gust.kernels.matmul.GroupMatmul;
import dev.gust.kernels.matmul.HalfMatmul;
import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.NibbleMatmul;
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
        return few(name, w, shape, x, y, capacity, Tuning.of(w.code()));
    }

    /** The call for few rows of x. */
    static KernelCall few(
            String name, PackedArrays w, IntArray shape, FloatArray x, FloatArray y, int capacity, Tuning tuning) {
        if (w.code() == WeightCode.F32 && w.k() % FloatMatmul.RUN == 0) {
            return KernelCall.tuned(
                    name,
                    new TunedKernels.Floats(w, shape, x, y, tuning.local()),
                    Grid.ofGroups(w.n(), capacity, tuning.local(), 1));
        }
        if (isWordAligned(w, shape)) {
            int groups = Math.min(Math.ceilDiv(w.n(), tuning.rows()), tuning.groups());
            return KernelCall.tuned(
                    name,
                    new TunedKernels.Rows(w, shape, x, y, tuning),
                    Grid.ofGroups(groups, capacity, tuning.local(), 1));
        }
        return KernelCall.tuned(
                name, new TunedKernels.General(w, shape, x, y), Grid.ofGroups(w.n(), capacity, GroupMatmul.LOCAL, 1));
    }

    /** Whether rows begin with a word and scales do not change within one. */
    private static boolean isWordAligned(PackedArrays w, IntArray shape) {
        int codes = switch (w.code()) {
            case WeightCode.F16 -> HalfMatmul.CODES;
            case WeightCode.BF16 -> BrainMatmul.CODES;
            case WeightCode.BITS_8 -> ByteMatmul.CODES;
            case WeightCode.BITS_4 -> NibbleMatmul.CODES;
            default -> 0;
        };
        return codes > 0
                && w.k() % codes == 0
                && (!isGrouped(w, shape) || shape.get(MatmulShape.SCALE_COLUMNS) % codes == 0);
    }

    /** Whether scales change along a row. */
    static boolean isGrouped(PackedArrays w, IntArray shape) {
        return w.scale() != ScaleCode.NONE && shape.get(MatmulShape.SCALE_GRID_COLUMNS) > 1;
    }
}
