package dev.gust.runtime.tornado;

import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.device.DeviceInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import uk.ac.manchester.tornado.api.TornadoBackend;
import uk.ac.manchester.tornado.api.TornadoRuntime;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.runtime.TornadoRuntimeProvider;

/**
 * A device that TornadoVM's drivers report, with the process's one thread that talks to it.
 *
 * @param device TornadoVM's
 * @param info what is known of it
 * @param thread its thread
 * @param reserved bytes that the plans of this process keep on it
 * @param recordings its driver's
 */
record TornadoHardware(
        TornadoDevice device, DeviceInfo info, DeviceThread thread, AtomicLong reserved, Recordings recordings) {

    /**
     * What a look at the drivers gave.
     *
     * @param devices the devices
     * @param problems why a driver, or TornadoVM as a whole, gave none
     */
    record Found(List<TornadoHardware> devices, List<DeviceInfo> problems) {}

    /** Drivers are asked once: one that fails while it is loaded fails for good. */
    private static final class Once {
        static final Found FOUND = look();
    }

    /** What is there; nothing in a JVM that was started without TornadoVM. Takes a second the first time. */
    static Found found() {
        return isLoadable() ? Once.FOUND : new Found(List.of(), List.of());
    }

    /** Whether this JVM was started with an SDK's argument file. */
    static boolean isLoadable() {
        return System.getProperty("tornado.load.runtime.implementation") != null
                && ModuleLayer.boot().findModule("tornado.runtime").isPresent();
    }

    private static Found look() {
        var devices = new ArrayList<TornadoHardware>();
        var problems = new ArrayList<DeviceInfo>();
        // Errors, too: a driver without its native library throws them from a static initializer.
        try {
            TornadoRuntime runtime = TornadoRuntimeProvider.getTornadoRuntime();
            for (int driver = 0; driver < runtime.getNumBackends(); driver++) {
                try {
                    TornadoBackend backend = runtime.getBackend(driver);
                    var recordings = new Recordings();
                    for (int device = 0; device < backend.getNumDevices(); device++) {
                        devices.add(hardware(driver, device, backend.getDevice(device), recordings));
                    }
                } catch (Throwable e) {
                    problems.add(problem(DeviceId.tornado(driver, 0), e));
                }
            }
        } catch (Throwable e) {
            problems.add(problem(DeviceId.TORNADO, e));
        }
        if (devices.isEmpty() && problems.isEmpty()) {
            problems.add(unusable(
                    DeviceId.TORNADO, "its drivers report no device; install a driver: " + TornadoFailures.DRIVERS));
        }
        return new Found(List.copyOf(devices), List.copyOf(problems));
    }

    private static TornadoHardware hardware(int driver, int number, TornadoDevice device, Recordings recordings) {
        DeviceId id = DeviceId.tornado(driver, number);
        var info = new DeviceInfo(
                id,
                device.getPhysicalDevice().getDeviceName().strip(),
                device.getDeviceType().name().toLowerCase(Locale.ROOT),
                device.getMaxGlobalMemory(),
                "TornadoVM " + device.getTornadoVMBackend().name() + ", "
                        + device.getPlatformName().strip(),
                TornadoFeatures.of(device),
                Optional.empty());
        return new TornadoHardware(device, info, new DeviceThread(id), new AtomicLong(), recordings);
    }

    private static DeviceInfo problem(DeviceId id, Throwable e) {
        String reason = TornadoFailures.reason(e);
        return unusable(
                id,
                reason.contains("platform")
                        ? "it found no driver (" + reason + "); install one: " + TornadoFailures.DRIVERS
                        : "a driver does not start: " + reason + "; install its libraries: " + TornadoFailures.DRIVERS);
    }

    static DeviceInfo unusable(DeviceId id, String why) {
        return new DeviceInfo(id, "TornadoVM", "unknown", 0, "not loaded", List.of(), Optional.of(why));
    }
}
