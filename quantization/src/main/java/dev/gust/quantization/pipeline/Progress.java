package dev.gust.quantization.pipeline;

/** Receives what a running pipeline has to say. Calls come from one thread at a time. */
public interface Progress {
    /** Says nothing to anybody. */
    Progress NONE = new Progress() {};

    /**
     * Work begins.
     *
     * @param what a verb for the user
     * @param totalBytes bytes of stored tensors to go through
     */
    default void begin(String what, long totalBytes) {}

    /** A tensor was finished, or found finished by an earlier run. */
    default void advance(String tensor, long bytes) {}

    /** Work has ended, well or badly. */
    default void end() {}
}
