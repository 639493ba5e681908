package dev.gust.runtime.lowrank;

import dev.gust.formats.tensor.DType;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.weight.LinearWeight;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What the catalog says of operators whose factors are plain numbers: all run everywhere. */
final class LowRankDevices {
    static final Map<DeviceId.Kind, Support> ALL = Map.of(
            DeviceId.Kind.JVM, Support.VALID,
            DeviceId.Kind.SCALAR, Support.VALID,
            DeviceId.Kind.EMULATOR, Support.VALID,
            DeviceId.Kind.TORNADO, Support.VALID);

    /** Types of factors that every kernel restores. */
    static final List<DType> PLAIN = List.of(DType.F32, DType.F16, DType.BF16);

    /** Which kernels to run, as {@code --set} takes it. */
    static final OperatorEntry.Attribute KERNELS = new OperatorEntry.Attribute(
            "kernels", "auto|portable|tuned", "which kernels to run on devices that run kernels");

    private LowRankDevices() {}

    /** A variant for each plain type. */
    static List<Variant> plain(String shapes, double tolerance) {
        return PLAIN.stream()
                .map(t -> new Variant(label(t), "plain numbers", shapes, tolerance, ALL))
                .toList();
    }

    /** The variant of a matrix of plain numbers. */
    static String label(LinearWeight factor) {
        return factor.format().label().toLowerCase(Locale.ROOT);
    }

    static String label(DType dtype) {
        return dtype.name().toLowerCase(Locale.ROOT);
    }
}
