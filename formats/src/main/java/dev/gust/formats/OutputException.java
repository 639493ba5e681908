package dev.gust.formats;

/** The output cannot be written: a full or read-only disk, a folder that is in the way. */
public final class OutputException extends GustException {
    private static final long serialVersionUID = 1L;

    private OutputException(String message) {
        super(message);
    }

    private OutputException(String message, Throwable cause) {
        super(message, cause);
    }

    /** Parameters as in {@link InputException#of(String, String, String)}. */
    public static OutputException of(String where, String reason, String remedy) {
        return new OutputException(sentence(where, "", reason, remedy));
    }

    /** As {@link #of(String, String, String)}, keeping the cause for {@code --debug}. */
    public static OutputException of(String where, String reason, String remedy, Throwable cause) {
        return new OutputException(sentence(where, "", reason, remedy), cause);
    }
}
