package dev.gust.runtime;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.device.HostProcessor;
import dev.gust.runtime.emulator.EmulatorDevice;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.PtxFaults;
import dev.gust.runtime.scalar.ScalarDevice;
import dev.gust.runtime.tornado.TornadoDevices;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** The devices of this machine. */
public final class Devices {
    private Devices() {}

    /**
     * Every device there is, the ones that cannot be used among them, with the reason. Takes a second the first time
     * where TornadoVM was loaded.
     */
    public static List<DeviceInfo> list() {
        var devices = new ArrayList<DeviceInfo>();
        devices.add(HostProcessor.detect().info());
        try (var scalar = new ScalarDevice()) {
            devices.add(scalar.info());
        }
        try (var emulator = new EmulatorDevice()) {
            devices.add(emulator.info());
        }
        devices.addAll(TornadoDevices.list());
        return List.copyOf(devices);
    }

    /** As {@link #open(DeviceId, DeviceOptions)} with {@link DeviceOptions#defaults()}. */
    public static Device open(DeviceId id) {
        return open(id, DeviceOptions.defaults());
    }

    /**
     * Opens a device. One that was named is that device or an error, never another one.
     *
     * @throws DeviceException if it is missing or cannot be used, with what to do about it
     */
    public static Device open(DeviceId id, DeviceOptions options) {
        return switch (id.kind()) {
            case AUTO -> Fastest.of(candidates(), named(options));
            case SCALAR -> new ScalarDevice();
            case TORNADO -> TornadoDevices.open(id, options);
            case EMULATOR -> new EmulatorDevice();
            case JVM -> new JvmDevice();
        };
    }

    private static Function<DeviceId, Device> named(DeviceOptions options) {
        return id -> open(id, options);
    }

    private static List<DeviceId> candidates() {
        return candidates(TornadoDevices.list());
    }

    /** What {@code auto} chooses among: a device whose results may be wrong has to be named. */
    static List<DeviceId> candidates(List<DeviceInfo> tornado) {
        var candidates = new ArrayList<DeviceId>(List.of(DeviceId.JVM));
        tornado.stream()
                .filter(d -> d.unusable().isEmpty())
                .filter(d -> !PtxFaults.concern(d))
                .map(DeviceInfo::id)
                .forEach(candidates::add);
        return candidates;
    }
}
