package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.quantization.pipeline.InterruptedRunException;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

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

    /** A device that is missing or failed. */
    static final class DeviceException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        DeviceException(String message) {
            super(message);
        }
    }

    static int onParameterError(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        PrintWriter err = command.getErr();
        String verb = command.getCommandSpec().qualifiedName();
        err.println("gust: " + oneLine(String.valueOf(e.getMessage())) + "; see " + verb + " --help");
        return USAGE;
    }

    static int onFailure(Exception failure, CommandLine command, boolean debug) {
        Throwable e = failure;
        int code = switch (e) {
            case InputException _ -> INPUT;
            case UsageException _ -> USAGE;
            case DeviceException _ -> DEVICE;
            case InterruptedRunException _ -> INTERRUPTED;
            case OutputException _ -> OTHER;
            default -> OTHER;
        };
        report(e, command.getErr(), debug);
        return code;
    }

    /** Prints a failure on one line. */
    static void report(Throwable e, PrintWriter err, boolean debug) {
        boolean expected = e instanceof InputException
                || e instanceof UsageException
                || e instanceof OutputException
                || e instanceof DeviceException
                || e instanceof InterruptedRunException;
        String message = String.valueOf(e.getMessage());
        err.println(
                "gust: " + oneLine(expected ? message : "internal error: " + e + "; please report it with --debug"));
        if (debug) {
            e.printStackTrace(err);
        }
        err.flush();
    }

    private static String oneLine(String text) {
        return text.strip().replaceAll("\\R+", " ");
    }
}
