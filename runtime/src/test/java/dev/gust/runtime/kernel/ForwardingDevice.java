package dev.gust.runtime.kernel;

import dev.gust.runtime.device.CopyCounter;
import dev.gust.runtime.device.DeviceInfo;

/** A device that another does the work of; tests change one answer. */
public abstract class ForwardingDevice implements KernelDevice {
    private final KernelDevice device;

    protected ForwardingDevice(KernelDevice device) {
        this.device = device;
    }

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
    public boolean takesHalfPairs() {
        return device.takesHalfPairs();
    }

    @Override
    public boolean takesFloatBits() {
        return device.takesFloatBits();
    }

    @Override
    public long maxArrayBytes() {
        return device.maxArrayBytes();
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
