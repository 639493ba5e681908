package dev.gust.quantization.pipeline;

import java.util.function.BooleanSupplier;

/**
 * How a pipeline runs; none of it changes a byte of the result.
 *
 * @param threads threads that do the work, at least 1
 * @param resume go on with what an interrupted run of the same request left
 * @param overwrite replace what is already at the target
 * @param cancelled asked between pieces; once true the run stops and can be resumed
 * @param progress told how far it is
 */
public record RunOptions(int threads, boolean resume, boolean overwrite, BooleanSupplier cancelled, Progress progress) {
    public RunOptions {
        if (threads < 1) {
            throw new IllegalArgumentException(threads + " threads");
        }
    }

    /** All processors, nothing resumed or overwritten, no progress. */
    public static RunOptions standard() {
        return new RunOptions(Runtime.getRuntime().availableProcessors(), false, false, () -> false, Progress.NONE);
    }
}
