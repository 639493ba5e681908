package dev.gust.formats.scheme;

import dev.gust.formats.InputException;
import dev.gust.formats.codec.FloatFormat;
import dev.gust.formats.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Optional;

/**
 * A scale that is an ordinary floating-point number: weight = code · scale. It is the region's largest magnitude divided
 * by {@code range}, rounded to the type in which it is stored <em>before</em> it is used, so that encoding and decoding
 * multiply by the same number.
 *
 * <p>Every scale is finite and positive. A region of zeros takes 1. Scales never go below the type's least normal value
 * in F32 and BF16, as code that flushes subnormals would read 0; nor below the least subnormal in F16, where magnitudes
 * below 2^-14 are ordinary scales of small weights and are read exactly everywhere. Nor do they reach a value at which
 * the largest code would decode to infinity: weights next to float32's maximum saturate instead.
 *
 * @param dtype F32, F16 or BF16
 * @param range what the largest magnitude is divided by: the greatest code's value, or half the distance between the
 *     least and the greatest integer code (127.5 for INT8), as compressed-tensors does
 * @param largestCode magnitude of the code that is farthest from zero
 */
record PlainScale(DType dtype, float range, float largestCode) {
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    PlainScale {
        if (dtype != DType.F32 && dtype != DType.F16 && dtype != DType.BF16) {
            throw new IllegalArgumentException("scales are F32, F16 or BF16, not " + dtype);
        }
    }

    /**
     * The scale for a region, as it will be stored.
     *
     * @param amax the region's largest magnitude, finite
     * @throws InputException if the scale exceeds what F16 can hold
     */
    float of(float amax) {
        if (amax == 0) {
            return 1;
        }
        float scale = rounded(amax / range);
        if (Float.isInfinite(scale)) {
            throw InputException.of(
                    "",
                    "a largest magnitude of " + amax + " needs a scale of " + amax / range + ", which " + dtype
                            + " cannot hold",
                    "store the scales as BF16 or F32");
        }
        return Math.clamp(scale, least(), greatest());
    }

    private float rounded(float scale) {
        Optional<FloatFormat> narrow = FloatFormat.of(dtype);
        return narrow.isEmpty() ? scale : narrow.get().decode(narrow.get().encode(scale, false));
    }

    private float least() {
        return dtype == DType.F16 ? 0x1p-24f : Float.MIN_NORMAL;
    }

    /** The greatest value of the type that times the largest code is finite; F16's own greatest is far below that. */
    private float greatest() {
        float limit = Float.MAX_VALUE / largestCode;
        if (Float.isInfinite(limit * largestCode)) {
            limit = Math.nextDown(limit);
        }
        return dtype == DType.BF16 ? Float.intBitsToFloat(Float.floatToRawIntBits(limit) & 0xFFFF_0000) : limit;
    }

    /** Stores a scale that {@link #of} gave as element {@code index} of a part. */
    void put(float scale, MemorySegment part, long index) {
        switch (dtype) {
            case F32 -> part.set(FLOAT, index * Float.BYTES, scale);
            case F16 -> part.set(SHORT, index * Short.BYTES, Float.floatToFloat16(scale));
            default -> part.set(SHORT, index * Short.BYTES, (short) (Float.floatToRawIntBits(scale) >>> 16));
        }
    }

    /** Element {@code index} of a part. */
    float get(MemorySegment part, long index) {
        return switch (dtype) {
            case F32 -> part.get(FLOAT, index * Float.BYTES);
            case F16 -> Float.float16ToFloat(part.get(SHORT, index * Short.BYTES));
            default -> Float.intBitsToFloat(part.get(SHORT, index * Short.BYTES) << 16);
        };
    }
}
