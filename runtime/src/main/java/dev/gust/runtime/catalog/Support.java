package dev.gust.runtime.catalog;

/** Whether a kind of device runs a variant. */
public sealed interface Support {
    /** It does. */
    Support VALID = new Valid();

    /** It does. */
    record Valid() implements Support {}

    /**
     * It does not.
     *
     * @param why the reason, for users
     */
    record Invalid(String why) implements Support {}

    default boolean isValid() {
        return this instanceof Valid;
    }
}
