package dev.gust.runtime.logits;

import dev.gust.formats.tensor.DType;
import dev.gust.kernels.logits.sdk.BrainScores;
import dev.gust.runtime.kernel.KernelDevice;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.LongArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Rows that all are multiplied, on a device: as they are stored, where its kernels take that, otherwise as float32. */
sealed interface DenseRows {
    /** The array. */
    TornadoNativeArray array();

    /** Numbers of a row for each that a work-item reads at a time. */
    int span();

    /** float32, [V, D]. */
    record Floats(FloatArray array) implements DenseRows {
        @Override
        public int span() {
            return 1;
        }
    }

    /** BF16, [V, D / 4] words. */
    record Brains(LongArray array) implements DenseRows {
        @Override
        public int span() {
            // Two words at a time instead of four numbers.
            return BrainScores.CODES / 2;
        }
    }

    /** F16, [V, D]. */
    record Halves(HalfFloatArray array) implements DenseRows {
        @Override
        public int span() {
            return 1;
        }
    }

    /** The rows of a head. */
    static DenseRows of(KernelDevice device, VqHead head, boolean tuned) {
        var arrays = new HeadArrays(device, head);
        if (tuned && head.type() == DType.BF16 && device.takesFloatBits() && head.d() % BrainScores.CODES == 0) {
            return new Brains(arrays.brainWords());
        }
        if (tuned && head.type() == DType.F16 && device.takesHalves()) {
            return new Halves(arrays.halves());
        }
        return new Floats(arrays.rows());
    }
}
