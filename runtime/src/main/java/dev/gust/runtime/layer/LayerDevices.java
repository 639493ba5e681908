package dev.gust.runtime.layer;

import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.device.DeviceId;
import java.util.Map;

/** Where the operators of layers run. */
final class LayerDevices {
    static final Map<DeviceId.Kind, Support> ALL = Map.of(
            DeviceId.Kind.JVM, Support.VALID,
            DeviceId.Kind.SCALAR, Support.VALID,
            DeviceId.Kind.EMULATOR, Support.VALID,
            DeviceId.Kind.TORNADO, Support.VALID);

    private LayerDevices() {}
}
