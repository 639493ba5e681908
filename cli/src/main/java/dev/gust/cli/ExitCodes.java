package dev.gust.cli;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.quantization.pipeline.InterruptedRunException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.CancellationException;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Exit codes, and the one line that goes with a failure. */
final class ExitCodes {
    static final int DONE = 0;
    static final int OTHER = 1;
    static final int USAGE = 2;
    static final int INPUT = 3;
    static final int DEVICE = 4;
    static final int CHECK = 5;
    /** What a shell reports of a process that was interrupted. */
    static final int INTERRUPTED = 130;

    private ExitCodes() {}

    static int onParameterError(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        String verb = command.getCommandSpec().qualifiedName();
        String message = OneLine.of(reason(e).strip());
        err.println("gust: " + message + "; see " + verb + " --help");
        return USAGE;
    }

    private static String reason(ParameterException e) {
        if (e instanceof UnmatchedArgumentException unmatched
                && e.getCommandLine().getParent() == null
                && !unmatched.getUnmatched().getFirst().startsWith("-")) {
            List<String> near = unmatched.getSuggestions();
            return "there is no verb '" + unmatched.getUnmatched().getFirst() + "'"
                    + (near.isEmpty() ? "" : ", did you mean " + near.getFirst() + "?");
        }
        return String.valueOf(e.getMessage());
    }

    /** Prints a failure on one line, with a stack trace only where one was asked for, and gives its exit code. */
    static int onFailure(Throwable failure, PrintWriter err, boolean debug) {
        err.println("gust: " + OneLine.of(message(failure).strip()));
        if (debug) {
            failure.printStackTrace(err);
        }
        err.flush();
        return switch (failure) {
            case InputException _, InternalError _ -> INPUT;
            case UsageException _ -> USAGE;
            case DeviceException _ -> DEVICE;
            case InterruptedRunException _, CancellationException _ -> INTERRUPTED;
            default -> OTHER;
        };
    }

    private static String message(Throwable failure) {
        return switch (failure) {
            case InputException _,
                    UsageException _,
                    OutputException _,
                    DeviceException _,
                    InterruptedRunException _,
                    CancellationException _ -> String.valueOf(failure.getMessage());
            case OutOfMemoryError _ ->
                "the Java heap or the system's memory is used up; use fewer --threads, or allow more heap with"
                        + " GUST_HEAP=2g";
            // How the JVM reports that a mapped file has no page where there was one.
            case InternalError _ ->
                "a file was cut short, or its disk failed, while it was being read; check the input and try again";
            default -> "internal error: " + failure + "; please report it with what --debug prints";
        };
    }
}
