package dev.gust.runtime.device;

import dev.gust.formats.UsageException;
import dev.gust.formats.arrow.TensorAllocator;
import java.time.Duration;
import java.util.Optional;

/**
 * How a device is to be used, where there is a choice.
 *
 * @param profiling whether TornadoVM measures kernels and transfers at every call; costs time, and calls follow one
 *     another on all devices
 * @param timeout how long a call may take on TornadoVM's devices before it is taken to hang; zero for as long as it likes
 * @param memory an allocator whose tensors devices may use where they lie, instead of a copy; it has to stay open as
 *     long as the plans
 * @param recording whether a plan's transfers and kernels are recorded at its first execution and handed to the driver all
 *     at once at later ones, where TornadoVM can (through CUDA, without profiling; elsewhere this changes nothing). Calls
 *     return sooner by some 10 to 30 µs. For plans that are built once and stay: memory of plans that are closed is not freed
 *     on a driver's devices before the last recorded plan is closed, too
 */
public record DeviceOptions(boolean profiling, Duration timeout, Optional<TensorAllocator> memory, boolean recording) {
    private static final long DEFAULT_SECONDS = 600;

    public DeviceOptions {
        if (timeout.isNegative()) {
            throw new IllegalArgumentException("a time limit of " + timeout);
        }
    }

    /**
     * No profiling, no memory to share, no recording, and the time limit of the system property {@code gust.device.timeout} in seconds
     * (600 if it is not set: a first call includes the driver's compiler).
     *
     * @throws UsageException if the property is no number of seconds
     */
    public static DeviceOptions defaults() {
        String seconds = System.getProperty("gust.device.timeout", "").strip();
        try {
            long limit = seconds.isEmpty() ? DEFAULT_SECONDS : Long.parseLong(seconds);
            if (limit >= 0) {
                return new DeviceOptions(false, Duration.ofSeconds(limit), Optional.empty(), false);
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new UsageException("gust.device.timeout is '" + seconds + "'", "give whole seconds, or 0 for no limit");
    }

    public DeviceOptions withProfiling(boolean on) {
        return new DeviceOptions(on, timeout, memory, recording);
    }

    public DeviceOptions withTimeout(Duration limit) {
        return new DeviceOptions(profiling, limit, memory, recording);
    }

    public DeviceOptions withMemory(TensorAllocator allocator) {
        return new DeviceOptions(profiling, timeout, Optional.of(allocator), recording);
    }

    public DeviceOptions withRecording(boolean on) {
        return new DeviceOptions(profiling, timeout, memory, on);
    }
}
