package dev.gust.runtime.kernel;

import dev.gust.formats.DeviceException;
import dev.gust.runtime.device.Device;

/** A device that runs kernels: as plain Java, on the emulator, or through TornadoVM. */
public interface KernelDevice extends Device {
    /**
     * Makes a program ready; costly, so keep the plan.
     *
     * @throws DeviceException if the device cannot run it, with the compiler's reason
     */
    KernelPlan prepare(KernelProgram program);

    /** Which kernels suit it. */
    KernelStyle style();

    /** Whether kernels over arrays of 16-bit floats run and are its faster ones. */
    boolean takesHalves();

    /** Whether kernels that read two 16-bit floats at once run and are its faster ones. */
    boolean takesHalfPairs();

    /** Whether kernels that reinterpret computed bits as floats run and are its faster ones. */
    boolean takesFloatBits();

    /** Largest array it takes, in bytes. */
    long maxArrayBytes();

    /** Local memory of a group, in bytes. */
    long localMemoryBytes();

    /** Arrays of the kind its kernels take. */
    NativeArrays arrays();
}
