package dev.gust.runtime.matmul;

import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.weight.LinearWeight;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A weight as arrays that not all devices take, for few rows of x; other products are by {@link PackedArrays}. */
sealed interface NarrowArrays permits HalfArrays, FloatBitArrays {
    /** The weight on the memory of these arrays: the one that was given may be closed. */
    LinearWeight weight();

    /** Everything that goes to the device once. */
    List<TornadoNativeArray> constants();

    /** Whether they serve so many rows of x. */
    boolean serve(int capacity);

    /** The call for so many rows of x. */
    KernelCall call(String name, IntArray shape, FloatArray x, FloatArray y, int capacity);

    /** Copies a weight into such arrays, if the device takes any that hold it. */
    static Optional<NarrowArrays> of(KernelDevice device, LinearWeight weight) {
        if (device.takesHalves() && HalfArrays.hold(weight)) {
            return Optional.of(HalfArrays.of(weight, device));
        }
        if (device.takesFloatBits() && FloatBitArrays.hold(weight)) {
            return Optional.of(FloatBitArrays.of(weight, device.arrays()));
        }
        return Optional.empty();
    }
}
