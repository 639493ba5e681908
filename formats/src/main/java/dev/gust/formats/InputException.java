package dev.gust.formats;

/** The input is bad or unsupported: a file that lies about itself, a NaN in a weight, a type nobody knows. */
public final class InputException extends GustException {
    private static final long serialVersionUID = 1L;

    private InputException(String message) {
        super(message);
    }

    private InputException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * About a file.
     *
     * @param where the file, as the user named it
     * @param reason what is wrong
     * @param remedy how to go on; may be empty
     */
    public static InputException of(String where, String reason, String remedy) {
        return new InputException(sentence(where, "", reason, remedy));
    }

    /** As {@link #of(String, String, String)}, keeping the cause for {@code --debug}. */
    public static InputException of(String where, String reason, String remedy, Throwable cause) {
        return new InputException(sentence(where, "", reason, remedy), cause);
    }

    /** As {@link #of(String, String, String)}, about one tensor of the file. */
    public static InputException ofTensor(String where, String tensor, String reason, String remedy) {
        return new InputException(sentence(where, tensor, reason, remedy));
    }
}
