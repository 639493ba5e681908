package dev.gust.runtime.matmul;

import dev.gust.formats.DeviceException;
import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.weight.LinearWeight;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The product by one weight as a step of a program: y = x · Wᵀ on arrays of the device, by the kernel that suits the
 * weight's form and the number of rows. Not safe for several threads.
 */
public final class MatmulStep {
    private final KernelDevice device;
    private final KernelStyle style;
    private final LinearWeight weight;
    /** The weight for few rows of x, where the device takes a form that others do not. */
    private final Optional<NarrowArrays> narrow;
    /** The weight for all other products; where there is the form above, none until they are needed. */
    private Optional<PackedArrays> packed = Optional.empty();

    /**
     * The step for one program.
     *
     * @param call the kernel
     * @param constants what goes to the device once
     * @param shape see {@link MatmulShape}; its M, so far all rows that there is room for, is what x has in use
     */
    public record Part(KernelCall call, List<TornadoNativeArray> constants, IntArray shape) {}

    private MatmulStep(KernelDevice device, LinearWeight weight, KernelStyle style) {
        this.device = device;
        this.style = style;
        this.weight = weight;
        this.narrow = style == KernelStyle.TUNED ? NarrowArrays.of(device, weight) : Optional.empty();
        if (narrow.isEmpty()) {
            packed();
        }
    }

    /** A step by a weight that fits the device's arrays. */
    static MatmulStep ofBlock(KernelDevice device, LinearWeight weight, KernelStyle style) {
        return new MatmulStep(device, weight, style);
    }

    /**
     * A step by a whole weight, which is copied to memory for the device.
     *
     * @param style kernels to use
     * @throws DeviceException if no kernel restores the weight's form, or it is larger than the device's arrays
     */
    public static MatmulStep of(KernelDevice device, LinearWeight weight, KernelStyle style) {
        requireKernel(device, weight);
        requireOneArray(device, weight);
        return new MatmulStep(device, weight, style);
    }

    /**
     * Refuses forms that no kernel restores.
     *
     * @throws DeviceException if it is one
     */
    static void requireKernel(KernelDevice device, LinearWeight weight) {
        if (!QuantizedMatmul.hasKernel(weight.format())) {
            throw new DeviceException(
                    device.id().toString(),
                    "no kernel multiplies by weights stored as "
                            + weight.format().label(),
                    "use the jvm device, or requantize the model");
        }
    }

    /**
     * Refuses weights that would have to be cut into blocks of rows.
     *
     * @throws DeviceException if it is one
     */
    public static void requireOneArray(KernelDevice device, LinearWeight weight) {
        if (RowBlocks.of(weight, device.maxArrayBytes()).size() > 1) {
            throw new DeviceException(
                    device.id().toString(),
                    "'" + weight.name() + "' [" + weight.n() + ", " + weight.k() + "] is larger than one of its arrays",
                    "use the jvm device, or cut it into parts");
        }
    }

    /**
     * Makes the step for a program.
     *
     * @param name the kernel's name
     * @param x [capacity, K]
     * @param y [capacity, N], all of it written
     * @param capacity rows for which x and y have room
     */
    public Part part(String name, FloatArray x, FloatArray y, int capacity) {
        IntArray shape = PackedArrays.shape(weight);
        shape.set(MatmulShape.M, capacity);
        if (narrow.isPresent() && narrow.get().serve(capacity)) {
            NarrowArrays w = narrow.get();
            return new Part(w.call(name, shape, x, y, capacity), w.constants(), shape);
        }
        PackedArrays w = packed();
        KernelCall call = switch (style) {
            case PORTABLE -> KernelCall.portable(name, new PortableMatmulKernel(w, shape, x, y, capacity));
            case TUNED -> TunedMatmul.call(name, w, shape, x, y, capacity);
        };
        return new Part(call, w.constants(), shape);
    }

    private PackedArrays packed() {
        if (packed.isEmpty()) {
            packed =
                    Optional.of(PackedArrays.of(narrow.map(NarrowArrays::weight).orElse(weight), device.arrays()));
        }
        return packed.get();
    }
}
