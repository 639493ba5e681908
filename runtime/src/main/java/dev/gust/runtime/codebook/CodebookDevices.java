package dev.gust.runtime.codebook;

import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.device.DeviceId;
import java.util.Map;

/** Where the operators over codebooks run. */
final class CodebookDevices {
    static final Map<DeviceId.Kind, Support> ALL = Map.of(
            DeviceId.Kind.JVM, Support.VALID,
            DeviceId.Kind.SCALAR, Support.VALID,
            DeviceId.Kind.EMULATOR, Support.VALID,
            DeviceId.Kind.TORNADO, Support.VALID);

    private CodebookDevices() {}
}
