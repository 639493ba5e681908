package dev.gust.formats.codec;

import dev.gust.formats.codec.block.BlockCodecs;
import dev.gust.formats.tensor.DType;
import java.util.Optional;

/**
 * The codec of each stored type.
 *
 * <p>Floats are rounded to the nearest value, ties to even. FP8, FP6, FP4 and E8M0 saturate: what exceeds the greatest
 * value, and an infinity, becomes the greatest value (in E8M0, an infinity and a negative value become NaN). F16 and
 * BF16 overflow to infinity, as IEEE 754 has it. Integers are rounded to the nearest, ties to even, and saturate; NaN
 * becomes 0. A BOOL is 1 where the float is not 0.
 */
public final class Codecs {
    private Codecs() {}

    /** The codec of a type; empty for complex numbers, and for block types that have none. */
    public static Optional<TensorCodec> of(DType dtype) {
        return switch (dtype.kind()) {
            case FLOAT, INT, UINT, BOOL -> Optional.of(plain(dtype));
            // One number to an element is what a codec converts; a complex one has two.
            case COMPLEX -> Optional.empty();
            case BLOCK -> BlockCodecs.of(dtype);
        };
    }

    private static TensorCodec plain(DType dtype) {
        return switch (dtype) {
            case F64 ->
                new PlainCodec(dtype, WideLoops::encodeF64, WideLoops::decodeF64, Double::doubleToRawLongBits, code ->
                        (float) Double.longBitsToDouble(code));
            case F32 ->
                new PlainCodec(
                        dtype,
                        WideLoops::copy,
                        WideLoops::copy,
                        x -> Float.floatToRawIntBits(x) & 0xffff_ffffL,
                        code -> Float.intBitsToFloat((int) code));
            case F16 -> overflowing(dtype, FloatFormat.F16, FloatLoops::encodeF16, FloatLoops::decodeF16);
            case BF16 -> overflowing(dtype, FloatFormat.BF16, FloatLoops::encodeBF16, FloatLoops::decodeBF16);
            case F8_E4M3 -> saturating(dtype, FloatFormat.E4M3FN, FloatLoops::encodeE4M3FN, FloatLoops::decodeE4M3FN);
            case F8_E5M2 -> saturating(dtype, FloatFormat.E5M2, FloatLoops::encodeE5M2, FloatLoops::decodeE5M2);
            case F8_E4M3FNUZ ->
                saturating(dtype, FloatFormat.E4M3FNUZ, FloatLoops::encodeE4M3FNUZ, FloatLoops::decodeE4M3FNUZ);
            case F8_E5M2FNUZ ->
                saturating(dtype, FloatFormat.E5M2FNUZ, FloatLoops::encodeE5M2FNUZ, FloatLoops::decodeE5M2FNUZ);
            case F8_E8M0 ->
                new PlainCodec(
                        dtype,
                        FloatLoops::encodeE8M0,
                        FloatLoops::decodeE8M0,
                        x -> E8M0.encode(x, true),
                        code -> E8M0.decode((int) code));
            case F6_E2M3 -> saturating(dtype, FloatFormat.E2M3, FloatLoops::encodeE2M3, FloatLoops::decodeE2M3);
            case F6_E3M2 -> saturating(dtype, FloatFormat.E3M2, FloatLoops::encodeE3M2, FloatLoops::decodeE3M2);
            case F4 -> saturating(dtype, FloatFormat.E2M1, FloatLoops::encodeE2M1, FloatLoops::decodeE2M1);
            case I64 -> integer(dtype, IntegerFormat.I64, WideLoops::encodeI64, WideLoops::decodeI64);
            case I32 -> integer(dtype, IntegerFormat.I32, WideLoops::encodeI32, IntegerLoops::decodeI32);
            case I16 -> integer(dtype, IntegerFormat.I16, IntegerLoops::encodeI16, IntegerLoops::decodeI16);
            case I8 -> integer(dtype, IntegerFormat.I8, IntegerLoops::encodeI8, IntegerLoops::decodeI8);
            case I4 -> integer(dtype, IntegerFormat.I4, IntegerLoops::encodeI4, IntegerLoops::decodeI4);
            case U64 -> integer(dtype, IntegerFormat.U64, WideLoops::encodeU64, WideLoops::decodeU64);
            case U32 -> integer(dtype, IntegerFormat.U32, WideLoops::encodeU32, WideLoops::decodeU32);
            case U16 -> integer(dtype, IntegerFormat.U16, IntegerLoops::encodeU16, IntegerLoops::decodeU16);
            case U8 -> integer(dtype, IntegerFormat.U8, IntegerLoops::encodeU8, IntegerLoops::decodeU8);
            case BOOL ->
                new PlainCodec(
                        dtype,
                        IntegerLoops::encodeBool,
                        IntegerLoops::decodeBool,
                        x -> x != 0 ? 1 : 0,
                        code -> code != 0 ? 1 : 0);
            default -> throw new IllegalArgumentException(dtype + " is not a plain type");
        };
    }

    private static TensorCodec saturating(DType dtype, FloatFormat format, BulkLoop.Loop encode, BulkLoop.Loop decode) {
        return new PlainCodec(dtype, encode, decode, x -> format.encode(x, true), code -> format.decode((int) code));
    }

    private static TensorCodec overflowing(
            DType dtype, FloatFormat format, BulkLoop.Loop encode, BulkLoop.Loop decode) {
        return new PlainCodec(dtype, encode, decode, x -> format.encode(x, false), code -> format.decode((int) code));
    }

    private static TensorCodec integer(DType dtype, IntegerFormat format, BulkLoop.Loop encode, BulkLoop.Loop decode) {
        return new PlainCodec(dtype, encode, decode, format::encode, format::decode);
    }
}
