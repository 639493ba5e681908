package dev.gust.quantization.pipeline;

import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.WeightReader;
import dev.gust.quantization.lowrank.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** A weight in memory whole, which decompositions need. */
public final class WholeWeight {
    private WholeWeight() {}

    /**
     * Reads a matrix.
     *
     * @throws dev.gust.formats.InputException if a value is not finite
     */
    public static FloatMatrix read(LogicalModel model, LogicalTensor tensor, Arena memory) {
        FloatMatrix matrix = FloatMatrix.allocate(
                Math.toIntExact(tensor.shape().dim(0)),
                Math.toIntExact(tensor.shape().dim(1)),
                memory);
        long rowBytes = tensor.shape().columns() * Float.BYTES;
        try (WeightReader reader = model.read(tensor);
                var scratch = new ScratchBuffers()) {
            for (RowRange rows : RowRange.cut(tensor.shape(), reader.rowBlock())) {
                MemorySegment floats = reader.read(rows, scratch, 0);
                FiniteCheck.scan(model.source().location(), tensor, rows, floats);
                MemorySegment.copy(floats, 0, matrix.values(), rows.first() * rowBytes, rows.count() * rowBytes);
            }
        }
        return matrix;
    }
}
