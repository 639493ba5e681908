package dev.gust.runtime.tornado;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What TornadoVM's native libraries print on standard output of calls that a driver refused, and go on: of launches (the
 * kernel has not run, and through CUDA the profiler shows some time nevertheless, between the events around it) and of copies.
 * Whoever else's errors are printed in the meantime count, too.
 */
final class PrintedErrors {
    private static final Pattern ERROR = Pattern.compile("\\[TornadoVM-[\\w-]+] ERROR : (.+?) -> Returned: (-?\\d+.*)");

    /** What may fail without a result being wrong: pinning host memory, figures of power and occupancy. */
    private static final Pattern HARMLESS =
            Pattern.compile("cuMemHostRegister|cuMemHostUnregister|cuOccupancy.*|nvml.*|c[lu]\\w*Get\\w*Info.*");

    private boolean listening;
    private long from;
    private String refused = "";

    /** Whether anything can be heard in this process. */
    static boolean areHeard() {
        return StandardOutput.ofProcess().isPresent();
    }

    /** Begins to listen. */
    synchronized void begin() {
        StandardOutput.ofProcess().ifPresent(output -> from = output.hold());
        listening = true;
    }

    /** Stops listening, if that has begun and not ended yet. */
    synchronized void end() {
        if (listening) {
            listening = false;
            StandardOutput.ofProcess().ifPresent(output -> refused = refusedIn(output.release(from)));
        }
    }

    /** Throws what was printed meanwhile. */
    synchronized void throwThem() {
        if (!refused.isEmpty()) {
            throw new IllegalStateException("the driver refused " + refused);
        }
    }

    /** The calls that were refused, and the drivers' errors. */
    static String refusedIn(byte[] printed) {
        Matcher errors = ERROR.matcher(new String(printed, StandardCharsets.UTF_8));
        Set<String> calls = new LinkedHashSet<>();
        while (errors.find()) {
            if (!HARMLESS.matcher(errors.group(1)).matches()) {
                calls.add(errors.group(1) + ": " + errors.group(2).strip());
            }
        }
        return String.join("; ", calls);
    }
}
