package dev.gust.formats;

/**
 * A failure that the user can understand and act on: where it happened, why, and how to go on. The message is one line.
 */
public abstract sealed class GustException extends RuntimeException
        permits DeviceException, InputException, OutputException, UsageException {
    private static final long serialVersionUID = 1L;

    GustException(String message) {
        super(oneLine(message));
    }

    GustException(String message, Throwable cause) {
        super(oneLine(message), cause);
    }

    /** Joins the parts that are not empty as {@code where: tensor 'name': reason; remedy}. */
    static String sentence(String where, String tensor, String reason, String remedy) {
        var text = new StringBuilder();
        if (!where.isEmpty()) {
            text.append(where).append(": ");
        }
        if (!tensor.isEmpty()) {
            text.append("tensor '").append(tensor).append("': ");
        }
        text.append(reason);
        if (!remedy.isEmpty()) {
            text.append("; ").append(remedy);
        }
        return text.toString();
    }

    /** File names and tensor names come from outside: a control character in one must not forge a second line. */
    private static String oneLine(String text) {
        var line = new StringBuilder(text.length());
        text.codePoints().forEach(c -> line.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
        return line.toString();
    }
}
