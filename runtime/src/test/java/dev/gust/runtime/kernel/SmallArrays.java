package dev.gust.runtime.kernel;

/** A device whose arrays are smaller than its own, so that a weight which fits into memory needs several. */
public final class SmallArrays extends ForwardingDevice {
    private final long maxArrayBytes;

    /**
     * @param device does the work
     * @param maxArrayBytes largest array
     */
    public SmallArrays(KernelDevice device, long maxArrayBytes) {
        super(device);
        this.maxArrayBytes = maxArrayBytes;
    }

    @Override
    public long maxArrayBytes() {
        return maxArrayBytes;
    }
}
