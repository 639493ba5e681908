package dev.gust.formats;

/** A device is missing, cannot do what was asked of it, or failed while it did. */
public final class DeviceException extends GustException {
    private static final long serialVersionUID = 1L;

    /**
     * @param device the device, as the user named it
     * @param reason what is wrong
     * @param remedy how to go on
     */
    public DeviceException(String device, String reason, String remedy) {
        super(sentence(device, "", reason, remedy));
    }

    /** As {@link #DeviceException(String, String, String)}, keeping the cause for {@code --debug}. */
    public DeviceException(String device, String reason, String remedy, Throwable cause) {
        super(sentence(device, "", reason, remedy), cause);
    }
}
