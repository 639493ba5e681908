package dev.gust.formats.scheme;

import dev.gust.formats.codec.Codecs;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.codec.TensorCodec;
import dev.gust.formats.scheme.TileQuantizer.Tile;
import dev.gust.formats.tensor.DType;

/** The quantizer for each scheme. */
public final class Quantizers {
    private Quantizers() {}

    /**
     * The quantizer for a scheme as compressed-tensors stores it.
     *
     * @param rule how MX schemes choose their scales; ignored by the others
     * @param scaleDtype F32, F16 or BF16: how {@code weight_scale} is stored where it is a plain number (fp8, fp8-tensor,
     *     fp8-block, fp8-e5m2, int8, int4), usually the model's own type; ignored by the others
     * @throws IllegalArgumentException if {@code scaleDtype} is another type
     */
    public static WeightQuantizer of(Scheme scheme, ScaleRule rule, DType scaleDtype) {
        return of(scheme, rule, scaleDtype, GlobalScale.Use.DIVIDES);
    }

    /**
     * The quantizer for a scheme in a layout.
     *
     * @param rule how MX schemes choose their scales; ignored by the others
     * @param scaleDtype F32, F16 or BF16: how {@code weight_scale} is stored where it is a plain number
     * @param globalScale how NVFP4's global scale is stored; ignored by the others
     * @throws IllegalArgumentException if {@code scaleDtype} is another type
     */
    public static WeightQuantizer of(Scheme scheme, ScaleRule rule, DType scaleDtype, GlobalScale.Use globalScale) {
        return switch (scheme) {
            case FP8 -> float8(Tile.ROW, DType.F8_E4M3, FloatFormat.E4M3FN, scaleDtype);
            case FP8_TENSOR -> float8(Tile.WEIGHT, DType.F8_E4M3, FloatFormat.E4M3FN, scaleDtype);
            case FP8_BLOCK -> float8(Tile.BLOCK, DType.F8_E4M3, FloatFormat.E4M3FN, scaleDtype);
            case FP8_E5M2 -> float8(Tile.ROW, DType.F8_E5M2, FloatFormat.E5M2, scaleDtype);
            case MXFP8 -> new MxQuantizer(FloatFormat.E4M3FN, codec(DType.F8_E4M3), rule);
            case MXFP6_E2M3 -> new MxQuantizer(FloatFormat.E2M3, codec(DType.F6_E2M3), rule);
            case MXFP6_E3M2 -> new MxQuantizer(FloatFormat.E3M2, codec(DType.F6_E3M2), rule);
            case MXFP4 -> new MxQuantizer(FloatFormat.E2M1, codec(DType.F4), rule);
            case NVFP4 -> new Nvfp4Quantizer(codec(DType.F4), globalScale);
            case INT8 -> new TileQuantizer(Tile.ROW, codec(DType.I8), new PlainScale(scaleDtype, 127.5f, 128));
            case INT4 -> new Int4Quantizer(scaleDtype);
        };
    }

    private static WeightQuantizer float8(Tile tile, DType dtype, FloatFormat format, DType scaleDtype) {
        return new TileQuantizer(tile, codec(dtype), new PlainScale(scaleDtype, format.max(), format.max()));
    }

    private static TensorCodec codec(DType dtype) {
        return Codecs.of(dtype).orElseThrow();
    }
}
