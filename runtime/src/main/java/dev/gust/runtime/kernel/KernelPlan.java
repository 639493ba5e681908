package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

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

    /**
     * Brings back what an array that is kept on the device holds since the last execution. Without an execution before, it
     * is what the host put there.
     *
     * @throws DeviceException if the device fails
     * @throws IllegalArgumentException if the program does not keep the array
     * @throws IllegalStateException after {@link #close()}
     */
    void fetch(TornadoNativeArray kept);

    /**
     * Puts the first elements of an array, as the host holds them now, in the place of those that are kept on the device;
     * the others stay as they are there. Takes a transfer and a copy on the device, once compiled; executions are none the
     * slower for it.
     *
     * @param kept one of the program's {@link KernelProgram#replaceable()}
     * @param elements how many
     * @throws DeviceException if the device fails
     * @throws IllegalArgumentException if the program does not let the array be replaced, or it is shorter than that
     * @throws IllegalStateException after {@link #close()}
     */
    void put(FloatArray kept, int elements);

    @Override
    void close();
}
