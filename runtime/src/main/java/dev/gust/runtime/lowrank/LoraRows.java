package dev.gust.runtime.lowrank;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * All adapters of a layer, packed: rank after rank, adapter after adapter, whatever their ranks.
 *
 * @param b [all ranks, N]
 * @param a Aᵀ [all ranks, M], so that what belongs to a rank lies together
 * @param starts the row at which each adapter begins, and one past the last one's
 * @param scales each adapter's scale
 */
record LoraRows(LinearWeight b, LinearWeight a, int[] starts, float[] scales) {
    /** Copies adapters. */
    static LoraRows of(LoraWeight weight, Arena memory) {
        DType dtype = ((WeightFormat.Plain) weight.adapters().getFirst().a().format()).dtype();
        int count = weight.adapters().size();
        int[] starts = new int[count + 1];
        float[] scales = new float[count];
        for (int i = 0; i < count; i++) {
            LoraAdapter adapter = weight.adapters().get(i);
            starts[i + 1] = Math.toIntExact(starts[i] + adapter.a().k());
            scales[i] = adapter.scale();
        }
        long rows = starts[count];
        MemorySegment down = memory.allocate(dtype.byteSize(Math.multiplyExact(rows, weight.inFeatures())), 64);
        MemorySegment up = memory.allocate(dtype.byteSize(Math.multiplyExact(rows, weight.outFeatures())), 64);
        for (int i = 0; i < count; i++) {
            LoraAdapter adapter = weight.adapters().get(i);
            MemorySegment b = adapter.b().codes();
            MemorySegment.copy(b, 0, down, dtype.byteSize(starts[i] * weight.inFeatures()), b.byteSize());
            long at = dtype.byteSize(starts[i] * weight.outFeatures());
            Factors.transpose(adapter.a(), up.asSlice(at, adapter.a().codes().byteSize()));
        }
        return new LoraRows(
                Factors.plain("b", dtype, rows, weight.inFeatures(), down),
                Factors.plain("a", dtype, rows, weight.outFeatures(), up),
                starts,
                scales);
    }

    int rank(int adapter) {
        return starts[adapter + 1] - starts[adapter];
    }
}
