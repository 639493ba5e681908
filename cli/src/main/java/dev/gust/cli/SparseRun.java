package dev.gust.cli;

import dev.gust.formats.UsageException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.SparseMatmul;
import dev.gust.runtime.lowrank.SparseWeight;
import dev.gust.runtime.matmul.MatmulPlan;
import dev.gust.runtime.weight.LinearWeight;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Optional;

/** {@code gust op sparse-matmul}. */
final class SparseRun {
    private SparseRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        float threshold = threshold(attributes);
        Arena memory = Arena.ofShared();
        try {
            LinearWeight dense = TokenRun.weight(model).orElseGet(() -> TokenRun.matrix(model, "w"));
            Optional<LinearWeight> u = TokenRun.optional(model, "u");
            Optional<LinearWeight> v = TokenRun.optional(model, "v");
            SparseWeight weight = SparseWeight.of(dense, u, v, scale(model, dense.k(), memory), threshold, memory);
            try (MatmulPlan plan = SparseMatmul.prepare(device, weight, TokenRun.options(attributes, threads))) {
                return TokenRun.run(
                        model,
                        SparseMatmul.variantOf(weight),
                        "the columns of [" + dense.n() + ", " + dense.k() + "] above " + threshold + " and rank "
                                + weight.rank() + " below",
                        weight.inFeatures(),
                        weight.outFeatures(),
                        memory,
                        plan::multiply);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** As many as there are input channels; 1 where the file has none. */
    private static MemorySegment scale(Models model, long channels, Arena memory) {
        MemorySegment scale = OpRun.optional(model, "scale", memory, channels);
        if (scale.byteSize() > 0) {
            return scale;
        }
        MemorySegment ones = memory.allocate(Math.max(1, channels) * Float.BYTES, 64);
        for (long i = 0; i < channels; i++) {
            ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1);
        }
        return ones.asSlice(0, channels * Float.BYTES);
    }

    /** Infinity is a threshold, too; NaN the operator refuses. */
    private static float threshold(Map<String, String> attributes) {
        String value = attributes.getOrDefault("threshold", "0");
        try {
            return Float.parseFloat(value);
        } catch (NumberFormatException e) {
            throw new UsageException("attribute threshold is '" + value + "'", "set a number, or Infinity");
        }
    }
}
