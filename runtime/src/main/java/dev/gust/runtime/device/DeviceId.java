package dev.gust.runtime.device;

import dev.gust.formats.UsageException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a device, as the command line and the variable GUST_DEVICE spell it.
 *
 * @param kind what runs the work
 * @param driver TornadoVM's number of the driver, from 0; −1 for its default device and for the other kinds
 * @param device TornadoVM's number of the device within the driver, from 0; −1 likewise
 */
public record DeviceId(Kind kind, int driver, int device) {
    private static final Pattern TORNADO_DEVICE = Pattern.compile("tornado:(\\d{1,4}):(\\d{1,4})");

    /** What runs the work. */
    public enum Kind {
        /** The fastest device that works. */
        AUTO,
        /** The Vector API and threads. */
        JVM,
        /** Portable kernels as plain Java. */
        SCALAR,
        /** Tuned kernels as plain Java, checked. */
        EMULATOR,
        /** TornadoVM. */
        TORNADO
    }

    public static final DeviceId AUTO = new DeviceId(Kind.AUTO, -1, -1);
    public static final DeviceId JVM = new DeviceId(Kind.JVM, -1, -1);
    public static final DeviceId SCALAR = new DeviceId(Kind.SCALAR, -1, -1);
    public static final DeviceId EMULATOR = new DeviceId(Kind.EMULATOR, -1, -1);
    /** TornadoVM's default device. */
    public static final DeviceId TORNADO = new DeviceId(Kind.TORNADO, -1, -1);

    /** A device of TornadoVM. */
    public static DeviceId tornado(int driver, int device) {
        return new DeviceId(Kind.TORNADO, driver, device);
    }

    /**
     * The device of that name: {@code auto}, {@code jvm}, {@code scalar}, {@code emulator}, {@code tornado} or
     * {@code tornado:DRIVER:DEVICE}.
     *
     * @throws UsageException if it is none of them
     */
    public static DeviceId parse(String name) {
        Matcher tornado = TORNADO_DEVICE.matcher(name);
        if (tornado.matches()) {
            return tornado(Integer.parseInt(tornado.group(1)), Integer.parseInt(tornado.group(2)));
        }
        return switch (name) {
            case "auto" -> AUTO;
            case "jvm" -> JVM;
            case "scalar" -> SCALAR;
            case "emulator" -> EMULATOR;
            case "tornado" -> TORNADO;
            default ->
                throw new UsageException(
                        "there is no device '" + name + "'",
                        "name auto, jvm, scalar, emulator, tornado or tornado:DRIVER:DEVICE (gust devices lists them)");
        };
    }

    @Override
    public String toString() {
        String name = kind.name().toLowerCase(Locale.ROOT);
        return driver < 0 ? name : name + ":" + driver + ":" + device;
    }
}
