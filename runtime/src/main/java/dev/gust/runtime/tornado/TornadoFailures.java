package dev.gust.runtime.tornado;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.DeviceId;
import java.util.regex.Pattern;
import uk.ac.manchester.tornado.api.exceptions.TornadoMemoryException;
import uk.ac.manchester.tornado.api.exceptions.TornadoOutOfMemoryException;

/** What TornadoVM throws, as an error of ours: one line with the reason that is nearest to the cause. */
final class TornadoFailures {
    /** What to install where no driver is. */
    static final String DRIVERS =
            "the OpenCL library of your GPU's driver, or for the CPU Debian's pocl-opencl-icd ('gust doctor' tells more)";

    private static final Pattern COLOUR = Pattern.compile("\u001b\\[[0-9;]*m");
    private static final Pattern WRAPPING = Pattern.compile("^Bailout is disabled\\.\\s*Reason:\\s*");
    private static final Pattern SPACE = Pattern.compile("\\s+");
    private static final int LONGEST = 400;

    private TornadoFailures() {}

    /**
     * The failure of something on a device.
     *
     * @param what what failed, such as {@code kernel gemv}
     */
    static DeviceException of(DeviceId device, String what, Throwable e) {
        if (e instanceof DeviceException already) {
            return already;
        }
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof TornadoOutOfMemoryException || cause instanceof TornadoMemoryException) {
                return new DeviceException(
                        device.toString(),
                        what + " does not fit into its memory: " + reason(cause),
                        "close other plans, use a smaller weight, or allow TornadoVM more with"
                                + " GUST_JAVA_OPTS=-Dtornado.device.memory=16GB",
                        e);
            }
        }
        return new DeviceException(
                device.toString(),
                what + " failed in TornadoVM: " + reason(e),
                "use another device; GUST_JAVA_OPTS=-Dtornado.debug=true says more",
                e);
    }

    /** The message of the innermost cause that has one, on one line. */
    static String reason(Throwable e) {
        String reason = place(e);
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            String message = cause.getMessage();
            if (message != null && !message.isBlank()) {
                reason = message;
            }
        }
        reason = COLOUR.matcher(reason).replaceAll("").strip();
        reason = WRAPPING.matcher(reason).replaceFirst("");
        reason = SPACE.matcher(reason).replaceAll(" ").strip();
        return reason.length() > LONGEST ? reason.substring(0, LONGEST) + "…" : reason;
    }

    /** All there is to say of a failure without a message. */
    private static String place(Throwable e) {
        StackTraceElement[] trace = e.getStackTrace();
        return e.getClass().getSimpleName()
                + (trace.length == 0 ? "" : " in " + trace[0].getClassName() + "." + trace[0].getMethodName());
    }
}
