package dev.gust.runtime.device;

/**
 * Something that runs operators. Open one with {@code Devices}, give it to operators, and close it after the plans that
 * were made on it. Safe to use from many threads.
 */
public interface Device extends AutoCloseable {
    DeviceInfo info();

    /** Its name. */
    default DeviceId id() {
        return info().id();
    }

    /** Copies of tensors that could not be avoided on this device, so far. */
    CopyCounter copies();

    @Override
    void close();
}
