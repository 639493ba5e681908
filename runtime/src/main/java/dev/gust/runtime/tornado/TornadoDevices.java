package dev.gust.runtime.tornado;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** TornadoVM's devices, by their names. */
public final class TornadoDevices {
    private TornadoDevices() {}

    /** Every device that TornadoVM's drivers report, and what was found but cannot be used, with the reason. */
    public static List<DeviceInfo> list() {
        return list(TornadoSdk.find());
    }

    static List<DeviceInfo> list(Optional<TornadoSdk> sdk) {
        if (!TornadoHardware.isLoadable()) {
            return sdk.map(found -> List.of(TornadoHardware.unusable(DeviceId.TORNADO, whyNotLoaded(found))))
                    .orElse(List.of());
        }
        Optional<String> refused = bailout();
        TornadoHardware.Found found = TornadoHardware.found();
        var devices = new ArrayList<DeviceInfo>();
        for (TornadoHardware hardware : found.devices()) {
            DeviceInfo info = hardware.info();
            Optional<String> hangs = hardware.thread().stuckIn().map(what -> "it hangs in " + what + "; start again");
            devices.add(new DeviceInfo(
                    info.id(),
                    info.name(),
                    info.kind(),
                    info.memory(),
                    info.driver(),
                    info.features(),
                    refused.or(() -> hangs)));
        }
        devices.addAll(found.problems());
        return List.copyOf(devices);
    }

    /**
     * Opens a device.
     *
     * @param id {@link DeviceId#TORNADO} for TornadoVM's default device, or one of {@link #list}
     * @throws DeviceException if there is no such device, with what to do about it
     */
    public static TornadoDevice open(DeviceId id, DeviceOptions options) {
        return open(id, options, TornadoSdk.find());
    }

    static TornadoDevice open(DeviceId id, DeviceOptions options, Optional<TornadoSdk> sdk) {
        if (id.kind() != DeviceId.Kind.TORNADO) {
            throw new IllegalArgumentException(id + " is no device of TornadoVM");
        }
        if (!TornadoHardware.isLoadable()) {
            throw sdk.map(found -> new DeviceException(id.toString(), "TornadoVM cannot be used", whyNotLoaded(found)))
                    .orElseGet(
                            () -> new DeviceException(id.toString(), "TornadoVM is not installed", TornadoSdk.INSTALL));
        }
        bailout().ifPresent(why -> {
            throw new DeviceException(id.toString(), "TornadoVM cannot be trusted", why);
        });
        TornadoHardware.Found found = TornadoHardware.found();
        // The first driver in TornadoVM's order of priority, and its first device, are the default.
        return found.devices().stream()
                .filter(hardware ->
                        id.equals(DeviceId.TORNADO) || hardware.info().id().equals(id))
                .findFirst()
                .map(hardware -> new TornadoDevice(hardware, options))
                .orElseThrow(() -> new DeviceException(
                        id.toString(),
                        found.problems().stream()
                                .flatMap(p -> p.unusable().stream())
                                .findFirst()
                                .orElse("there is no such device"),
                        "gust devices lists what is there"));
    }

    private static String whyNotLoaded(TornadoSdk sdk) {
        return sdk.problem()
                .orElse("Java was started without the SDK's arguments; start it with 'java @" + sdk.argumentFile()
                        + " -Dtornado.recover.bailout=false …', as ./gust does");
    }

    /** A kernel that does not compile would run as sequential Java, and a tuned one would compute one element only. */
    private static Optional<String> bailout() {
        return Boolean.parseBoolean(System.getProperty("tornado.recover.bailout", "true"))
                ? Optional.of("it would replace kernels by sequential Java without a word; start Java with"
                        + " -Dtornado.recover.bailout=false, as ./gust does")
                : Optional.empty();
    }
}
