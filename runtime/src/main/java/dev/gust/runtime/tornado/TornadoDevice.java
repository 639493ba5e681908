package dev.gust.runtime.tornado;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceInfo;
import dev.gust.runtime.device.DeviceOptions;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.NativeArrays;
import java.util.Arrays;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A device of TornadoVM. All calls of a process to it run on one thread, one after another; devices run at the same time.
 * What a driver would only print a word about is checked here: grids, local memory and the device's memory.
 */
public final class TornadoDevice implements KernelDevice {
    private final TornadoHardware hardware;
    private final DeviceOptions options;
    private final CopyCounter copies = new CopyCounter();
    private final NativeArrays arrays;

    TornadoDevice(TornadoHardware hardware, DeviceOptions options) {
        this.hardware = hardware;
        this.options = options;
        this.arrays = new NativeArrays(copies, options.memory());
    }

    @Override
    public DeviceInfo info() {
        return hardware.info();
    }

    @Override
    public CopyCounter copies() {
        return copies;
    }

    @Override
    public KernelPlan prepare(KernelProgram program) {
        program.calls().forEach(this::check);
        return TornadoPlan.prepare(hardware, options, program);
    }

    /** GPUs run groups; for processors and FPGAs barriers cost more than the memory they save. */
    @Override
    public KernelStyle style() {
        return info().kind().equals("gpu") ? KernelStyle.TUNED : KernelStyle.PORTABLE;
    }

    /** NVIDIA's OpenCL does not list them. */
    @Override
    public boolean takesHalves() {
        return isThrough("CUDA") || isThrough("PTX");
    }

    /** The other backends take a pair apart before it is read, and TornadoVM before 5.2 has none. */
    @Override
    public boolean takesHalfPairs() {
        return isThrough("CUDA") && hasHalfPairs();
    }

    private static boolean hasHalfPairs() {
        try {
            HalfFloatArray.class.getMethod("getHalf2", int.class);
            return true;
        } catch (NoSuchMethodException e) {
            return false;
        }
    }

    /** The other backends have no reinterpretation of a number that was computed, nor has TornadoVM before 5.2. */
    @Override
    public boolean takesFloatBits() {
        return isThrough("CUDA") && hasBrainFloats();
    }

    private static boolean hasBrainFloats() {
        try {
            Class.forName("uk.ac.manchester.tornado.api.types.BFloat16", false, TornadoDevice.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    private boolean isThrough(String backend) {
        return hardware.device().getTornadoVMBackend().name().equals(backend);
    }

    @Override
    public long maxArrayBytes() {
        // A buffer holds the array's header too, and TornadoVM wants it below the driver's limit.
        long most = hardware.device().getMaxAllocMemory() - TornadoNativeArray.ARRAY_HEADER - 2 * Integer.BYTES;
        return Math.min(most, NativeArrays.MAX_WORDS * Integer.BYTES);
    }

    @Override
    public long localMemoryBytes() {
        return hardware.device().getDeviceLocalMemorySize();
    }

    @Override
    public NativeArrays arrays() {
        return arrays;
    }

    private void check(KernelCall call) {
        long local = call.kernel().localMemoryBytes();
        if (local > localMemoryBytes()) {
            throw refused(
                    call, "takes " + local + " bytes of local memory, of which the device has " + localMemoryBytes());
        }
        call.grid().ifPresent(grid -> checkGroup(call, grid));
    }

    private void checkGroup(KernelCall call, Grid grid) {
        long[] most = hardware.device().getDeviceMaxWorkgroupDimensions();
        int[] wanted = {grid.localX(), grid.localY(), grid.localZ()};
        for (int i = 0; i < wanted.length && i < most.length; i++) {
            if (wanted[i] > most[i]) {
                throw refused(
                        call,
                        "has groups of " + Arrays.toString(wanted) + ", the device at most " + Arrays.toString(most));
            }
        }
        long mostItems = hardware.device().getPhysicalDevice().getMaxThreadsPerBlock();
        if (mostItems > 0 && grid.groupSize() > mostItems) {
            throw refused(call, "has groups of " + grid.groupSize() + " work-items, the device at most " + mostItems);
        }
    }

    private DeviceException refused(KernelCall call, String why) {
        return new DeviceException(
                id().toString(), "kernel " + call.name() + " " + why, "use another device or its portable kernels");
    }

    @Override
    public void close() {}
}
