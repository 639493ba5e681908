package dev.gust.runtime.cast;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.codec.UnpackedCodes;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelDevice;

/**
 * The operator: float32 to the codes of a narrow type, one to a byte (two bytes for F16 and BF16), or back. All devices
 * give the same bits.
 *
 * @param dtype F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F8_E8M0, F6_E2M3, F6_E3M2, F4, F16 or BF16
 * @param direction which way
 * @param saturate whether values beyond the type's range become its greatest values; encoding only
 * @param rounding to the nearest, or at random by a seed; encoding only
 */
public record Cast(DType dtype, Direction direction, boolean saturate, Rounding rounding) {
    /** Which way. */
    public enum Direction {
        ENCODE,
        DECODE
    }

    /**
     * @throws UsageException if the type is none of those
     */
    public Cast {
        codes(dtype);
    }

    /** Rounds to the nearest, saturating. */
    public static Cast encode(DType dtype) {
        return new Cast(dtype, Direction.ENCODE, true, Rounding.EVEN);
    }

    public static Cast decode(DType dtype) {
        return new Cast(dtype, Direction.DECODE, true, Rounding.EVEN);
    }

    /** U8, or U16 for F16 and BF16. */
    public DType codeType() {
        return codes(dtype).codeType();
    }

    /** Makes the conversion ready on a device. */
    public CastPlan prepare(Device device) {
        return device instanceof KernelDevice kernels ? new KernelCast(kernels, this) : new JvmCast(this);
    }

    static UnpackedCodes codes(DType dtype) {
        return UnpackedCodes.of(dtype)
                .orElseThrow(() -> new UsageException(
                        "nothing is cast to " + dtype,
                        "name F8_E4M3, F8_E5M2, F8_E4M3FNUZ, F8_E5M2FNUZ, F8_E8M0, F6_E2M3, F6_E3M2, F4, F16 or"
                                + " BF16"));
    }
}
