package dev.gust.formats.scheme;

import static dev.gust.formats.codec.CodeLanes.CODES;
import static dev.gust.formats.codec.CodeLanes.LENGTH;

import dev.gust.formats.codec.CodeLanes;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.NarrowFloatLanes;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * NVFP4 as compressed-tensors stores it: {@code weight_packed} U8 [M, K/2] with E2M1 codes, {@code weight_scale}
 * F8_E4M3 [M, K/16], {@code weight_global_scale} F32 [1] with g; weight = element · (block scale / g), in float32.
 * ModelOpt stores 1/g instead, rounded to float32, and weight = element · (block scale · (1/g)).
 *
 * <p>With A the tensor's largest magnitude g = 448 · 6 / A, and a block whose largest magnitude is a has the scale
 * g · (a / 6), rounded to E4M3. Elements are divided by what a reader multiplies them by. What the formulas leave open:
 *
 * <ul>
 *   <li>A tensor of zeros has g = 1.
 *   <li>g is at most 2^116: the least block scale over g is then a normal float32, so that readers which flush
 *       subnormals read what was meant. Tensors whose largest magnitude is below 2^-104 lose precision for it.
 *   <li>g is large enough for the greatest weight, 6 · (448 / g), to be finite.
 *   <li>A block of zeros has the scale 0.125, as compressed-tensors writes; a block too small for its scale 2^-9, the
 *       least that is not zero, as ModelOpt writes. So no stored scale is zero.
 * </ul>
 */
final class Nvfp4Quantizer extends GroupQuantizer {
    private static final int BLOCK = 16;
    private static final float ELEMENT_MAX = FloatFormat.E2M1.max();
    private static final float SCALE_MAX = FloatFormat.E4M3FN.max();
    private static final float GLOBAL_MAX = 0x1p116f;
    private static final int LEAST_SCALE = 1;
    private static final int ZERO_BLOCK_SCALE = FloatFormat.E4M3FN.encode(0.125f, true);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final GlobalScale.Use use;

    /**
     * @param use what a reader does with the stored global scale
     */
    Nvfp4Quantizer(TensorCodec codec, GlobalScale.Use use) {
        super(BLOCK, codec);
        this.use = use;
    }

    @Override
    public List<Part> parts(Shape weight) {
        return List.of(
                Part.ofRows("weight_packed", DType.U8, weight.withColumns(weight.columns() / 2)),
                Part.ofRows("weight_scale", DType.F8_E4M3, weight.withColumns(weight.columns() / BLOCK)),
                Part.ofWeight("weight_global_scale", DType.F32, Shape.of(1)));
    }

    @Override
    public boolean usesTensorAmax() {
        return true;
    }

    @Override
    float global(float tensorAmax) {
        WeightShapes.requireMagnitude(tensorAmax);
        if (tensorAmax == 0) {
            return 1;
        }
        float global = Math.min(SCALE_MAX * ELEMENT_MAX / tensorAmax, GLOBAL_MAX);
        while (Float.isInfinite(ELEMENT_MAX * stored(global).of(SCALE_MAX))) {
            global = Math.nextUp(global);
        }
        return global;
    }

    /** The scale as it is stored, for g. */
    private GlobalScale stored(float global) {
        return new GlobalScale(GlobalScale.Use.DIVIDES, global).nearest(use);
    }

    @Override
    void putWeightParts(Shape weight, float global, List<MemorySegment> parts) {
        parts.get(2).set(FLOAT, 0, stored(global).value());
    }

    @Override
    void putScales(Chunk chunk, float global, List<MemorySegment> parts) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment codes = arena.allocate(chunk.amaxBits.length);
            encodeScales(chunk.amaxBits, chunk.groups, global, codes);
            MemorySegment.copy(codes, 0, parts.get(1), chunk.firstGroup, chunk.groups);
        }
        getScales(parts, chunk.firstGroup, chunk.groups, chunk.factors);
    }

    /** Whole vectors, also past the last group: the arrays have room, and what is computed there is not stored. */
    private static void encodeScales(int[] amaxBits, int groups, float global, MemorySegment codes) {
        for (int g = 0; g < groups; g += LENGTH) {
            IntVector bits = IntVector.fromArray(CODES, amaxBits, g);
            // First a / 6: g · a can exceed float32 where g · (a / 6) is no more than 448.
            FloatVector scale = bits.reinterpretAsFloats().div(ELEMENT_MAX).mul(global);
            IntVector code = NarrowFloatLanes.E4M3FN.encode(scale).max(LEAST_SCALE);
            CodeLanes.storeBytes(code.blend(ZERO_BLOCK_SCALE, bits.compare(VectorOperators.EQ, 0)), codes, g);
        }
    }

    @Override
    void getScales(List<MemorySegment> parts, long firstGroup, int groups, float[] factors) {
        var global = new GlobalScale(use, parts.get(2).get(FLOAT, 0));
        MemorySegment scales = parts.get(1);
        int whole = groups - groups % LENGTH;
        if (use == GlobalScale.Use.DIVIDES) {
            divide(scales, firstGroup, whole, global.value(), factors);
        } else {
            multiply(scales, firstGroup, whole, global.value(), factors);
        }
        for (int g = whole; g < groups; g++) {
            int code = scales.get(ValueLayout.JAVA_BYTE, firstGroup + g);
            factors[g] = global.of(FloatFormat.E4M3FN.decode(code));
        }
    }

    private static void divide(MemorySegment scales, long firstGroup, int groups, float global, float[] factors) {
        for (int g = 0; g < groups; g += LENGTH) {
            IntVector codes = CodeLanes.loadBytes(scales, firstGroup + g);
            NarrowFloatLanes.E4M3FN.decode(codes).div(global).intoArray(factors, g);
        }
    }

    private static void multiply(MemorySegment scales, long firstGroup, int groups, float global, float[] factors) {
        for (int g = 0; g < groups; g += LENGTH) {
            IntVector codes = CodeLanes.loadBytes(scales, firstGroup + g);
            NarrowFloatLanes.E4M3FN.decode(codes).mul(global).intoArray(factors, g);
        }
    }
}
