package dev.gust.runtime.device;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;

/**
 * The processor this JVM runs on, as the {@code jvm} device.
 *
 * @param name the model the system reports, or its architecture
 * @param memory bytes of memory the system has
 * @param threads processors the JVM may use
 * @param vectorBits width of the vectors the Vector API prefers
 */
public record HostProcessor(String name, long memory, int threads, int vectorBits) {
    /** Asks the system. */
    public static HostProcessor detect() {
        long memory = ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean os
                ? os.getTotalMemorySize()
                : Runtime.getRuntime().maxMemory();
        return new HostProcessor(
                modelName(),
                memory,
                Runtime.getRuntime().availableProcessors(),
                FloatVector.SPECIES_PREFERRED.vectorBitSize());
    }

    /** What runs the jvm device. */
    public String driver() {
        return "Vector API, " + vectorBits + " bits, " + threads + " threads";
    }

    /**
     * Whether the processor has a feature, by the name that Linux gives it; true where that cannot be found out. For choices
     * that the Vector API makes in silence: what a processor lacks, it does by plain Java.
     */
    public static boolean has(String feature) {
        Path cpuinfo = Path.of("/proc/cpuinfo");
        try (var lines = Files.lines(cpuinfo)) {
            return lines.filter(l -> l.startsWith("flags"))
                    .findFirst()
                    .map(l -> Arrays.asList(l.split("\\s+")).contains(feature))
                    .orElse(true);
        } catch (IOException | UncheckedIOException e) {
            return true;
        }
    }

    /** As a device. */
    public DeviceInfo info() {
        return new DeviceInfo(DeviceId.JVM, name, "cpu", memory, driver(), List.of(), Optional.empty());
    }

    private static String modelName() {
        Path cpuinfo = Path.of("/proc/cpuinfo"); // Linux; elsewhere the architecture has to do
        try (var lines = Files.lines(cpuinfo)) {
            return lines.filter(l -> l.startsWith("model name"))
                    .map(l -> l.substring(l.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(System.getProperty("os.arch", "cpu"));
        } catch (IOException | UncheckedIOException e) {
            return System.getProperty("os.arch", "cpu");
        }
    }
}
