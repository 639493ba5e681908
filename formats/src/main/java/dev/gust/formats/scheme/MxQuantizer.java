package dev.gust.formats.scheme;

import dev.gust.formats.codec.E8M0;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The OCP Microscaling formats: blocks of 32 elements in FP8, FP6 or FP4 with a power of two as their scale. Stored as
 * compressed-tensors does, FP6 by analogy with FP4: {@code weight} [M, K] (FP8) or {@code weight_packed} U8 [M, K/2] or
 * [M, 3·K/4], and {@code weight_scale} U8 [M, K/32] with E8M0 codes.
 *
 * <p>A block of zeros has scale code 0. weight = element · 2^(code − 127), in float32, which is exact.
 */
final class MxQuantizer extends GroupQuantizer {
    private static final int BLOCK = 32;

    private final FloatFormat element;
    private final ScaleRule rule;
    private final SharedExponent exponent;

    MxQuantizer(FloatFormat element, TensorCodec codec, ScaleRule rule) {
        super(BLOCK, codec);
        this.element = element;
        this.rule = rule;
        this.exponent = SharedExponent.of(rule, element);
    }

    @Override
    public List<Part> parts(Shape weight) {
        Shape scales = weight.withColumns(weight.columns() / BLOCK);
        Part codes = element.bits() == 8
                ? Part.ofRows("weight", codec().dtype(), weight)
                : Part.ofRows(
                        "weight_packed",
                        DType.U8,
                        weight.withColumns(weight.columns() / BLOCK * (BLOCK * element.bits() / 8)));
        return List.of(codes, Part.ofRows("weight_scale", DType.U8, scales));
    }

    @Override
    void putScales(Chunk chunk, float global, List<MemorySegment> parts) {
        int[] codes = new int[chunk.groups];
        for (int g = 0; g < chunk.groups; g++) {
            codes[g] = exponent.code(chunk.amaxBits[g]);
        }
        if (rule == ScaleRule.MSE) {
            ExponentSearch.improve(codec(), chunk, BLOCK, exponent, codes);
        }
        MemorySegment scales = parts.get(1);
        for (int g = 0; g < chunk.groups; g++) {
            scales.set(ValueLayout.JAVA_BYTE, chunk.firstGroup + g, (byte) codes[g]);
            chunk.factors[g] = SharedExponent.reciprocal(codes[g]);
        }
    }

    @Override
    void scale(Chunk chunk) {
        Blocks.multiply(chunk.floats, chunk.offset, chunk.groups, BLOCK, chunk.factors, chunk.scaled, 0);
    }

    @Override
    void getScales(List<MemorySegment> parts, long firstGroup, int groups, float[] factors) {
        MemorySegment scales = parts.get(1);
        for (int g = 0; g < groups; g++) {
            factors[g] = E8M0.decode(scales.get(ValueLayout.JAVA_BYTE, firstGroup + g));
        }
    }
}
