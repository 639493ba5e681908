package dev.gust.quantization.pipeline;

/** A run was cancelled; what it finished is kept for a run that resumes it. */
public final class InterruptedRunException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    InterruptedRunException(String target) {
        super(target + ": interrupted; run the same command with --resume to go on");
    }
}
