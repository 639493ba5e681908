package dev.gust.formats.codec;

import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * Converts float32 to codes of a floating-point type and back, one code to a byte (U8), or to two bytes (U16) for F16
 * and BF16, with a choice of rounding and overflow. {@link Packing} puts the codes together as files hold them.
 *
 * <p>Offsets are in bytes, counts in elements. Holds no state that changes and is safe to share.
 */
public final class UnpackedCodes {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final DType dtype;
    private final PlainCodec saturating;
    private final PlainCodec overflowing;
    private final StochasticEncoder stochastic;

    /** For bulk stochastic rounding; E8M0, which has none, goes one by one. */
    private final Optional<FloatFormat> format;

    private interface StochasticEncoder {
        int encode(float x, boolean saturate, long random);
    }

    private UnpackedCodes(DType dtype, PlainCodec saturating, PlainCodec overflowing, StochasticEncoder stochastic) {
        this.dtype = dtype;
        this.saturating = saturating;
        this.overflowing = overflowing;
        this.stochastic = stochastic;
        this.format = FloatFormat.of(dtype);
    }

    /** The conversion for a floating-point type of at most 16 bits; empty for any other type. */
    public static Optional<UnpackedCodes> of(DType dtype) {
        return switch (dtype) {
            case F8_E4M3 ->
                of(dtype, FloatLoops::encodeE4M3FN, UnpackedLoops::overflowE4M3FN, FloatLoops::decodeE4M3FN);
            case F8_E5M2 -> of(dtype, FloatLoops::encodeE5M2, UnpackedLoops::overflowE5M2, FloatLoops::decodeE5M2);
            case F8_E4M3FNUZ ->
                of(dtype, FloatLoops::encodeE4M3FNUZ, UnpackedLoops::overflowE4M3FNUZ, FloatLoops::decodeE4M3FNUZ);
            case F8_E5M2FNUZ ->
                of(dtype, FloatLoops::encodeE5M2FNUZ, UnpackedLoops::overflowE5M2FNUZ, FloatLoops::decodeE5M2FNUZ);
            // FP6 and FP4 have no code for overflow: they saturate either way.
            case F6_E2M3 -> of(dtype, UnpackedLoops::encodeE2M3, UnpackedLoops::encodeE2M3, UnpackedLoops::decodeE2M3);
            case F6_E3M2 -> of(dtype, UnpackedLoops::encodeE3M2, UnpackedLoops::encodeE3M2, UnpackedLoops::decodeE3M2);
            case F4 -> of(dtype, UnpackedLoops::encodeE2M1, UnpackedLoops::encodeE2M1, UnpackedLoops::decodeE2M1);
            case F16 -> of(dtype, UnpackedLoops::saturateF16, FloatLoops::encodeF16, FloatLoops::decodeF16);
            case BF16 -> of(dtype, UnpackedLoops::saturateBF16, FloatLoops::encodeBF16, FloatLoops::decodeBF16);
            case F8_E8M0 ->
                Optional.of(new UnpackedCodes(
                        dtype,
                        new PlainCodec(
                                DType.U8,
                                FloatLoops::encodeE8M0,
                                FloatLoops::decodeE8M0,
                                x -> E8M0.encode(x, true),
                                code -> E8M0.decode((int) code)),
                        new PlainCodec(
                                DType.U8,
                                UnpackedLoops::overflowE8M0,
                                FloatLoops::decodeE8M0,
                                x -> E8M0.encode(x, false),
                                code -> E8M0.decode((int) code)),
                        E8M0::encodeStochastic));
            default -> Optional.empty();
        };
    }

    private static Optional<UnpackedCodes> of(
            DType dtype, BulkLoop.Loop saturate, BulkLoop.Loop overflow, BulkLoop.Loop decode) {
        return FloatFormat.of(dtype).map(format -> {
            DType codeType = format.bits() > 8 ? DType.U16 : DType.U8;
            PlainCodec.ToFloat toFloat = code -> format.decode((int) code);
            return new UnpackedCodes(
                    dtype,
                    new PlainCodec(codeType, saturate, decode, x -> format.encode(x, true), toFloat),
                    new PlainCodec(codeType, overflow, decode, x -> format.encode(x, false), toFloat),
                    format::encodeStochastic);
        });
    }

    /** The type whose codes these are. */
    public DType dtype() {
        return dtype;
    }

    /** The type to store unpacked codes as: U8, or U16 for F16 and BF16. */
    public DType codeType() {
        return saturating.dtype();
    }

    /**
     * Encodes {@code count} floats.
     *
     * @param codes receives an element of {@link #codeType} for each float
     * @param firstElement the index of the first float in its tensor: stochastic rounding draws the same bits for an
     *     element whatever piece it comes in
     * @param saturate whether values beyond the type's range, and infinities, become its greatest values; else they
     *     become infinity or NaN, where the type has such codes. Details: {@link FloatFormat#encode},
     *     {@link E8M0#encode}
     */
    public void encode(
            MemorySegment floats,
            long floatsOffset,
            MemorySegment codes,
            long codesOffset,
            long count,
            long firstElement,
            Rounding rounding,
            boolean saturate) {
        switch (rounding) {
            case Rounding.Even even ->
                (saturate ? saturating : overflowing).encode(floats, floatsOffset, codes, codesOffset, count);
            case Rounding.Stochastic random -> {
                long whole = format.isPresent() ? count - count % CodeLanes.LENGTH : 0;
                format.ifPresent(f -> StochasticLoop.encode(
                        f, random, saturate, floats, floatsOffset, codes, codesOffset, whole, firstElement));
                for (long i = whole; i < count; i++) {
                    float x = floats.get(FLOAT, floatsOffset + 4 * i);
                    int code = stochastic.encode(x, saturate, random.bitsAt(firstElement + i));
                    if (codeType() == DType.U8) {
                        codes.set(ValueLayout.JAVA_BYTE, codesOffset + i, (byte) code);
                    } else {
                        codes.set(SHORT, codesOffset + 2 * i, (short) code);
                    }
                }
            }
        }
    }

    /** Decodes {@code count} codes, exactly; bits above a code's width are ignored. */
    public void decode(MemorySegment codes, long codesOffset, MemorySegment floats, long floatsOffset, long count) {
        saturating.decode(codes, codesOffset, floats, floatsOffset, count);
    }
}
