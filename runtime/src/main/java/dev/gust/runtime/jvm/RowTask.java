package dev.gust.runtime.jvm;

/** Work on rows that do not depend on each other. */
@FunctionalInterface
public interface RowTask {
    /** Does rows {@code first} to {@code end} − 1. Called from several threads at once, with ranges that do not overlap. */
    void run(long first, long end);
}
