package dev.gust.runtime.matmul;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
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
 */
record HalfArrays(LinearWeight weight, HalfFloatArray halves, FloatArray tables) implements NarrowArrays {
    /** Work-items to a row. */
    private static final int LOCAL = 256;

    /** Whether a weight is of this kind. */
    static boolean hold(LinearWeight weight) {
        return weight.format().equals(new WeightFormat.Plain(DType.F16));
    }

    /** Copies a weight into arrays. */
    static HalfArrays of(LinearWeight weight, NativeArrays arrays) {
        HalfFloatArray halves = arrays.halves(weight.codes());
        var copy = new LinearWeight(
                weight.name(),
                weight.n(),
                weight.k(),
                weight.format(),
                halves.getSegment().asSlice(0, weight.codes().byteSize()),
                weight.scales(),
                weight.factor());
        return new HalfArrays(copy, halves, DecodeTables.of(weight));
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
        int n = Math.toIntExact(weight.n());
        return KernelCall.tuned(
                name, new NarrowKernels.Halves(this, shape, x, y, LOCAL), Grid.ofGroups(n, capacity, LOCAL, 1));
    }
}
