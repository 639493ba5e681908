package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;

/** A program made ready on a device. Executions of one plan follow one another, whatever threads ask for them. */
public interface KernelPlan extends AutoCloseable {
    /**
     * Runs the program on what the inputs hold now; the outputs hold the results when it returns.
     *
     * @return where the time went
     * @throws DeviceException if the device fails; the plan is then of no further use, other plans are not affected
     * @throws IllegalStateException after {@link #close()}
     */
    KernelTimes execute();

    @Override
    void close();
}
