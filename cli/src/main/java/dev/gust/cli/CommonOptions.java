package dev.gust.cli;

import dev.gust.quantization.pipeline.Progress;
import java.io.PrintWriter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Spec.Target;

/** Options that every verb understands. */
final class CommonOptions {
    @Spec(Target.MIXEE)
    CommandSpec spec = CommandSpec.create();

    @Option(names = "--json", description = "One JSON document on stdout.")
    boolean json;

    @Option(names = "--quiet", description = "No progress and no table; errors only.")
    boolean quiet;

    @Option(names = "--threads", paramLabel = "N", description = "Threads that do the work (default: all processors).")
    int threads = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--device",
            paramLabel = "D",
            defaultValue = "${GUST_DEVICE:-auto}",
            description = "Where to compute: auto or jvm (default: $GUST_DEVICE, else auto).")
    String device = "auto";

    PrintWriter out() {
        return spec.commandLine().getOut();
    }

    PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** Checks what was given; call it first. */
    void check() {
        if (threads < 1 || threads > 1024) {
            throw new ParameterException(spec.commandLine(), "--threads takes a number from 1 to 1024, not " + threads);
        }
        if (!device.equals("auto") && !device.equals("jvm")) {
            if (device.matches("scalar|emulator|tornado(:\\w+:\\w+)?")) {
                throw new ExitCodes.DeviceException("device '" + device
                        + "' cannot run this verb: quantization runs on the jvm device; leave out --device");
            }
            throw new ParameterException(
                    spec.commandLine(), "there is no device '" + device + "': gust devices lists them");
        }
    }

    /** A progress bar where somebody watches, silence elsewhere. */
    Progress progress() {
        return quiet || !StandardError.isTerminal() ? Progress.NONE : new ProgressBars();
    }
}
