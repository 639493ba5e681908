package dev.gust.formats;

/** What was asked for contradicts itself or does not exist, whatever the input holds. */
public final class UsageException extends GustException {
    private static final long serialVersionUID = 1L;

    /**
     * @param reason what is wrong with the request
     * @param remedy how to ask for it instead
     */
    public UsageException(String reason, String remedy) {
        super(sentence("", "", reason, remedy));
    }
}
