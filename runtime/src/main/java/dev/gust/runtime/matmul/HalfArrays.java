package dev.gust.runtime.matmul;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.kernel.NativeArrays;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A weight of F16, or a block of its rows, as devices take it that compute with 16-bit floats.
 *
 * @param weight the weight on the memory of {@code halves}: the one that was given may be closed
 * @param halves the weight
 * @param tables see {@link dev.gust.kernels.matmul.Tables}
 */
record HalfArrays(LinearWeight weight, HalfFloatArray halves, FloatArray tables) {
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

    int n() {
        return Math.toIntExact(weight.n());
    }

    /** Everything that goes to the device once. */
    List<TornadoNativeArray> constants() {
        return List.of(halves, tables);
    }
}
