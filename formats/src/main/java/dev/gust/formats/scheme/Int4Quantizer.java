package dev.gust.formats.scheme;

import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * Symmetric INT4 in groups of 128, in compressed-tensors' pack-quantized layout: {@code weight_packed} I32 [M, K/8] with
 * q + 8 in four bits, the first element in the lowest, {@code weight_scale} [M, K/128], and {@code weight_shape} I64
 * with the weight's dimensions. q = weight / scale, nearest, ties to even, −8 to 7; weight = q · scale.
 */
final class Int4Quantizer extends GroupQuantizer {
    private static final int GROUP = 128;
    private static final int BITS = 4;
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final PlainScale scale;

    Int4Quantizer(DType scaleDtype) {
        super(GROUP, new OffsetNibbles());
        scale = new PlainScale(scaleDtype, 7.5f, 8);
    }

    @Override
    public List<Part> parts(Shape weight) {
        return List.of(
                Part.ofRows("weight_packed", DType.I32, weight.withColumns(weight.columns() / (Integer.SIZE / BITS))),
                Part.ofRows("weight_scale", scale.dtype(), weight.withColumns(weight.columns() / GROUP)),
                Part.ofWeight("weight_shape", DType.I64, Shape.of(weight.rank())));
    }

    @Override
    void putWeightParts(Shape weight, float global, List<MemorySegment> parts) {
        for (int i = 0; i < weight.rank(); i++) {
            parts.get(2).set(LONG, (long) i * Long.BYTES, weight.dim(i));
        }
    }

    @Override
    void putScales(Chunk chunk, float global, List<MemorySegment> parts) {
        for (int g = 0; g < chunk.groups; g++) {
            float rounded = scale.of(chunk.amax(g));
            scale.put(rounded, parts.get(1), chunk.firstGroup + g);
            chunk.factors[g] = rounded;
        }
    }

    @Override
    void getScales(List<MemorySegment> parts, long firstGroup, int groups, float[] factors) {
        for (int g = 0; g < groups; g++) {
            factors[g] = scale.get(parts.get(1), firstGroup + g);
        }
    }
}
