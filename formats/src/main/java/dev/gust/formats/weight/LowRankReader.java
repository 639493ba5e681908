package dev.gust.formats.weight;

import dev.gust.formats.file.TensorSource;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Restores rows of A·B, or of A·B + R, with sums in float32 in the order of the rank. B is decoded once and held, r·N
 * floats; A and R are decoded as rows are asked for.
 */
final class LowRankReader implements AutoCloseable {
    private static final ValueLayout.OfFloat F32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;

    private final LowRankWeight weight;
    private final WeightReader a;
    private final Optional<WeightReader> residual;
    private final Arena memory;
    private final MemorySegment b;

    private LowRankReader(
            LowRankWeight weight, WeightReader a, Optional<WeightReader> residual, Arena memory, MemorySegment b) {
        this.weight = weight;
        this.a = a;
        this.residual = residual;
        this.memory = memory;
        this.b = b;
    }

    static LowRankReader open(TensorSource source, LowRankWeight weight) {
        Arena memory = Arena.ofShared();
        try {
            MemorySegment b = decoded(source, weight.b(), memory);
            WeightReader a = WeightReader.open(source, weight.a());
            try {
                return new LowRankReader(
                        weight, a, weight.residual().map(r -> WeightReader.open(source, r)), memory, b);
            } catch (RuntimeException e) {
                a.close();
                throw e;
            }
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private static MemorySegment decoded(TensorSource source, LogicalTensor tensor, Arena memory) {
        long rowBytes = tensor.shape().columns() * Float.BYTES;
        MemorySegment values = memory.allocate(tensor.shape().elements() * Float.BYTES, 64);
        try (WeightReader reader = WeightReader.open(source, tensor);
                var scratch = new ScratchBuffers()) {
            for (RowRange rows : RowRange.cut(tensor.shape(), reader.rowBlock())) {
                MemorySegment.copy(
                        reader.read(rows, scratch, 0), 0, values, rows.first() * rowBytes, rows.count() * rowBytes);
            }
        }
        return values;
    }

    /** As {@link WeightReader#read}. */
    MemorySegment read(RowRange rows, ScratchBuffers scratch, int slot) {
        long columns = weight.shape().columns();
        long rank = weight.rank();
        MemorySegment product = scratch.get(slot, rows.count() * columns * Float.BYTES);
        if (residual.isPresent()) {
            product.copyFrom(residual.get().read(rows, scratch, slot + 1));
        } else {
            product.fill((byte) 0);
        }
        MemorySegment left = a.read(rows, scratch, slot + 4);
        for (long i = 0; i < rows.count(); i++) {
            MemorySegment row = product.asSlice(i * columns * Float.BYTES, columns * Float.BYTES);
            for (long p = 0; p < rank; p++) {
                add(row, left.get(F32, (i * rank + p) * Float.BYTES), p * columns * Float.BYTES);
            }
        }
        return product;
    }

    /** row += factor · the row of B that begins at that byte. */
    private void add(MemorySegment row, float factor, long at) {
        long bytes = row.byteSize();
        long step = FLOATS.vectorByteSize();
        long j = 0;
        for (; j <= bytes - step; j += step) {
            FloatVector.fromMemorySegment(FLOATS, b, at + j, ByteOrder.LITTLE_ENDIAN)
                    .fma(
                            FloatVector.broadcast(FLOATS, factor),
                            FloatVector.fromMemorySegment(FLOATS, row, j, ByteOrder.LITTLE_ENDIAN))
                    .intoMemorySegment(row, j, ByteOrder.LITTLE_ENDIAN);
        }
        for (; j < bytes; j += Float.BYTES) {
            row.set(F32, j, Math.fma(b.get(F32, at + j), factor, row.get(F32, j)));
        }
    }

    @Override
    public void close() {
        a.close();
        residual.ifPresent(WeightReader::close);
        memory.close();
    }
}
