package dev.gust.runtime.cast;

import dev.gust.formats.UsageException;
import dev.gust.formats.codec.Rounding;
import dev.gust.formats.codec.UnpackedCodes;
import dev.gust.formats.tensor.DType;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import java.util.Map;

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

    /** Everything that is cast to and from. */
    public static final List<DType> TYPES = List.of(
            DType.F8_E4M3,
            DType.F8_E5M2,
            DType.F8_E4M3FNUZ,
            DType.F8_E5M2FNUZ,
            DType.F8_E8M0,
            DType.F6_E2M3,
            DType.F6_E3M2,
            DType.F4,
            DType.F16,
            DType.BF16);

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                "cast",
                "float32 to the codes of a narrow type and back, bit for bit the same everywhere",
                "x F32 [...], or codes (U8; U16 for F16 and BF16) with direction=decode",
                "y [...]: codes, or F32",
                List.of(
                        new OperatorEntry.Attribute("dtype", "a type's name", "the narrow type; must be given"),
                        new OperatorEntry.Attribute("direction", "encode|decode", "which way"),
                        new OperatorEntry.Attribute(
                                "saturate", "true|false", "whether what is too large becomes the greatest value"),
                        new OperatorEntry.Attribute("rounding", "even|stochastic", "to the nearest, or at random"),
                        new OperatorEntry.Attribute("seed", "0", "of stochastic rounding")),
                TYPES.stream().map(Cast::variant).toList());
    }

    private static Variant variant(DType dtype) {
        return new Variant(
                dtype.name(),
                "F32 and " + codes(dtype).codeType(),
                "",
                0,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
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
