package dev.gust.runtime.attention;

import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Kernels that divide q and the keys by their lengths, ahead of those that do not do so themselves. */
final class NormalizedKeys {
    private final DeltaArrays arrays;
    private final NativeArrays memory;
    private final List<KernelCall> calls;
    private final List<TornadoNativeArray> kept;

    private NormalizedKeys(
            DeltaArrays arrays, NativeArrays memory, List<KernelCall> calls, List<TornadoNativeArray> kept) {
        this.arrays = arrays;
        this.memory = memory;
        this.calls = calls;
        this.kept = kept;
    }

    /**
     * The arrays that the step's other kernels work on.
     *
     * @param calls receives the kernels
     * @param kept receives their scratch
     */
    static DeltaArrays of(DeltaArrays a, NativeArrays memory, List<KernelCall> calls, List<TornadoNativeArray> kept) {
        return a.step().normalize() == Normalize.NONE ? a : new NormalizedKeys(a, memory, calls, kept).arrays();
    }

    private DeltaArrays arrays() {
        DeltaStep step = arrays.step();
        FloatArray q = own("unitQueries", arrays.q());
        if (!step.normalize().keys()) {
            return arrays.withKeys(q, arrays.k(), arrays.e());
        }
        FloatArray k = step.normalize() == Normalize.BY_ERASE_KEY
                ? by("unitKeys", arrays.k(), arrays.e(), arrays.sizes().eraseHeads())
                : own("unitKeys", arrays.k());
        if (!step.ownKey()) {
            return arrays.withKeys(q, k, step.erase() == Erase.WRITE_KEY ? k : arrays.e());
        }
        FloatArray e = step.normalize() == Normalize.BY_WRITE_KEY
                ? by("unitErase", arrays.e(), arrays.k(), arrays.sizes().keyHeads())
                : own("unitErase", arrays.e());
        return arrays.withKeys(q, k, e);
    }

    private FloatArray own(String name, FloatArray x) {
        return UnitRowsKernel.ahead(name, arrays.shape(), x, arrays.sizes().keyDim(), memory, calls, kept);
    }

    private FloatArray by(String name, FloatArray x, FloatArray other, int heads) {
        FloatArray y = memory.floats(x.getSize());
        kept.add(y);
        calls.add(KernelCall.portable(
                name,
                new UnitRowsByKernel(
                        arrays.shape(), x, other, y, heads, arrays.sizes().keyDim())));
        return y;
    }
}
