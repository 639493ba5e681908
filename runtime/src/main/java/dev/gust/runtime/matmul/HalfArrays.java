package dev.gust.runtime.matmul;

import dev.gust.formats.tensor.DType;
import dev.gust.kernels.matmul.sdk.HalfPairMatmul;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A weight of F16, or a block of its rows, as devices take it that compute with 16-bit floats.
 *
 * @param weight the weight on the memory of {@code halves}
 * @param halves the weight
 * @param tables see {@link dev.gust.kernels.matmul.Tables}
 * @param pairs whether the device reads two halves at once
 */
record HalfArrays(LinearWeight weight, HalfFloatArray halves, FloatArray tables, boolean pairs)
        implements NarrowArrays {
    /** Work-items of a group. */
    private static final int LOCAL = 256;

    /** Most groups that take pairs: as many to a multiprocessor as registers allow. */
    private static final int GROUPS = 4 * Tuning.MULTIPROCESSORS;

    /** Shorter rows leave work-items without pairs. */
    private static final int LONG_ROW = 2 * HalfPairMatmul.COLUMNS * LOCAL;

    /** Whether a weight is of this kind. */
    static boolean hold(LinearWeight weight) {
        return weight.format().equals(new WeightFormat.Plain(DType.F16));
    }

    /** Copies a weight into arrays. */
    static HalfArrays of(LinearWeight weight, KernelDevice device) {
        HalfFloatArray halves = device.arrays().halves(weight.codes());
        var copy = new LinearWeight(
                weight.name(),
                weight.n(),
                weight.k(),
                weight.format(),
                halves.getSegment().asSlice(0, weight.codes().byteSize()),
                weight.scales(),
                weight.factor());
        return new HalfArrays(copy, halves, DecodeTables.of(weight), device.takesHalfPairs());
    }

    /** Columns. */
    int k() {
        return Math.toIntExact(weight.k());
    }

    @Override
    public List<TornadoNativeArray> constants() {
        return List.of(halves, tables);
    }

    @Override
    public boolean serve(int capacity) {
        return TunedMatmul.isFew(capacity);
    }

    @Override
    public KernelCall call(String name, IntArray shape, FloatArray x, FloatArray y, int capacity) {
        if (capacity == 1 && pairs && suitPairs()) {
            return call(name, shape, x, y, LOCAL, GROUPS);
        }
        int n = Math.toIntExact(weight.n());
        return KernelCall.tuned(
                name, new NarrowKernels.Halves(this, shape, x, y, LOCAL), Grid.ofGroups(n, capacity, LOCAL, 1));
    }

    /** Whether rows are long enough for all work-items of a group, and places what the kernel says. */
    private boolean suitPairs() {
        long k = weight.k();
        return weight.n() >= HalfPairMatmul.BATCH
                && k % 2 == 0
                && k >= LONG_ROW
                && k < HalfPairMatmul.MOST_COLUMNS
                && (weight.n() + HalfPairMatmul.BATCH + 1) * k <= Integer.MAX_VALUE - HalfPairMatmul.MOST_COLUMNS;
    }

    /**
     * The call for one row of x by pairs.
     *
     * @param local work-items of a group
     * @param most groups at most
     */
    KernelCall call(String name, IntArray shape, FloatArray x, FloatArray y, int local, int most) {
        int groups = (int) Math.min(weight.n() / HalfPairMatmul.BATCH, most);
        return KernelCall.tuned(
                name, new NarrowKernels.HalfPairs(this, shape, x, y, local), Grid.ofGroups(groups, 1, local, 1));
    }
}
