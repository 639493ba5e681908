package dev.gust.runtime.matmul;

import dev.gust.formats.tensor.DType;
import dev.gust.kernels.matmul.MatmulShape;
import dev.gust.kernels.matmul.ScaleCode;
import dev.gust.kernels.matmul.WeightCode;
import dev.gust.runtime.kernel.NativeArrays;
import dev.gust.runtime.weight.LinearWeight;
import dev.gust.runtime.weight.ScaleType;
import dev.gust.runtime.weight.WeightFormat;
import java.util.List;
import java.util.Optional;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A weight, or a block of its rows, as kernels take it.
 *
 * @param words the packed weight; one word if it is float32
 * @param floats the weight as float32; otherwise one float
 * @param scaleWords scales of one byte; otherwise one word
 * @param scales float32 scales; otherwise one float
 * @param tables see {@link dev.gust.kernels.matmul.Tables}
 * @param code one of {@link WeightCode}
 * @param scale one of {@link ScaleCode}
 * @param n rows
 * @param k columns
 */
public record PackedArrays(
        IntArray words,
        FloatArray floats,
        IntArray scaleWords,
        FloatArray scales,
        FloatArray tables,
        int code,
        int scale,
        int n,
        int k) {

    /** The code by which kernels know a format; nothing if they do not. */
    static Optional<Integer> code(WeightFormat format) {
        return switch (format) {
            case WeightFormat.Plain(var dtype) ->
                switch (dtype) {
                    case F32 -> Optional.of(WeightCode.F32);
                    case F16 -> Optional.of(WeightCode.F16);
                    case BF16 -> Optional.of(WeightCode.BF16);
                    default -> Optional.empty();
                };
            case WeightFormat.Scaled scaled ->
                Optional.of(
                        switch (scaled.code().bits()) {
                            case 8 -> WeightCode.BITS_8;
                            case 6 -> WeightCode.BITS_6;
                            default -> WeightCode.BITS_4;
                        });
            case WeightFormat.Blocks(var dtype) ->
                switch (dtype) {
                    case Q8_0 -> Optional.of(WeightCode.Q8_0);
                    case Q4_0 -> Optional.of(WeightCode.Q4_0);
                    case Q4_K -> Optional.of(WeightCode.Q4_K);
                    case Q6_K -> Optional.of(WeightCode.Q6_K);
                    case MXFP4 -> Optional.of(WeightCode.MXFP4_BLOCKS);
                    case NVFP4 -> Optional.of(WeightCode.NVFP4_BLOCKS);
                    default -> Optional.empty();
                };
        };
    }

    /** Copies a weight into arrays. */
    public static PackedArrays of(LinearWeight weight, NativeArrays arrays) {
        boolean isFloat = weight.format().equals(new WeightFormat.Plain(DType.F32));
        int scale = weight.format() instanceof WeightFormat.Scaled s
                ? s.scale() == ScaleType.F32 ? ScaleCode.FLOATS : ScaleCode.BYTES
                : ScaleCode.NONE;
        return new PackedArrays(
                isFloat ? arrays.noWords() : arrays.words(weight.codes()),
                isFloat ? arrays.floats(weight.codes()) : arrays.noFloats(),
                scale == ScaleCode.BYTES ? arrays.words(weight.scales()) : arrays.noWords(),
                scale == ScaleCode.FLOATS ? arrays.floats(weight.scales()) : arrays.noFloats(),
                DecodeTables.of(weight),
                code(weight.format()).orElseThrow(),
                scale,
                Math.toIntExact(weight.n()),
                Math.toIntExact(weight.k()));
    }

    /** Everything that goes to the device once. */
    public List<TornadoNativeArray> constants() {
        return List.of(words, floats, scaleWords, scales, tables);
    }

    /** The numbers that kernels read from memory, for M = 0. */
    static IntArray shape(LinearWeight weight) {
        var shape = new IntArray(MatmulShape.LENGTH);
        int n = Math.toIntExact(weight.n());
        int k = Math.toIntExact(weight.k());
        shape.set(MatmulShape.M, 0);
        shape.set(MatmulShape.N, n);
        shape.set(MatmulShape.K, k);
        if (weight.format() instanceof WeightFormat.Scaled s) {
            shape.set(MatmulShape.SCALE_ROWS, (int) Math.clamp(s.scaleRows(), 1, Math.max(1, n)));
            shape.set(MatmulShape.SCALE_COLUMNS, (int) Math.clamp(s.scaleColumns(), 1, Math.max(1, k)));
            shape.set(MatmulShape.SCALE_GRID_COLUMNS, Math.toIntExact(s.scaleGridColumns(k)));
        } else {
            shape.set(MatmulShape.SCALE_ROWS, Math.max(1, n));
            shape.set(MatmulShape.SCALE_COLUMNS, Math.max(1, k));
            shape.set(MatmulShape.SCALE_GRID_COLUMNS, 1);
        }
        return shape;
    }
}
