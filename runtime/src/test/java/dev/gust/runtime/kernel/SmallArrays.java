package dev.gust.runtime.kernel;

import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceInfo;

/**
 * A device whose arrays are smaller than it says itself, so that a weight which fits into memory needs several.
 *
 * @param device does the work
 * @param maxArrayBytes largest array
 */
public record SmallArrays(KernelDevice device, long maxArrayBytes) implements KernelDevice {
    @Override
    public DeviceInfo info() {
        return device.info();
    }

    @Override
    public CopyCounter copies() {
        return device.copies();
    }

    @Override
    public KernelPlan prepare(KernelProgram program) {
        return device.prepare(program);
    }

    @Override
    public KernelStyle style() {
        return device.style();
    }

    @Override
    public boolean takesHalves() {
        return device.takesHalves();
    }

    @Override
    public long localMemoryBytes() {
        return device.localMemoryBytes();
    }

    @Override
    public NativeArrays arrays() {
        return device.arrays();
    }

    @Override
    public void close() {
        device.close();
    }
}
