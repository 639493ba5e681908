package dev.gust.cli;

import dev.gust.formats.DeviceException;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.runtime.device.DeviceId;
import java.io.PrintWriter;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
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
            defaultValue = "${GUST_DEVICE}",
            description =
                    "Where to compute: auto, jvm, scalar, emulator, tornado or tornado:DRIVER:DEVICE (default: $GUST_DEVICE,"
                            + " else auto); verbs that work on files know auto and jvm only.")
    @Nullable
    String device;

    PrintWriter out() {
        return spec.commandLine().getOut();
    }

    PrintWriter err() {
        return spec.commandLine().getErr();
    }

    /** Checks what was given; call it first in a verb that computes. */
    void check() {
        checkArguments().ifPresent(named -> {
            throw new DeviceException(
                    "device '" + named + "'",
                    "cannot run this verb: quantization runs on the jvm device",
                    "leave out --device or GUST_DEVICE");
        });
    }

    /**
     * Checks what was given but for the device being there, which does not matter to a verb that computes nothing.
     *
     * @return the device, if one was named that no verb can use so far
     */
    Optional<String> checkArguments() {
        DeviceId id = deviceId();
        return id.equals(DeviceId.AUTO) || id.equals(DeviceId.JVM) ? Optional.empty() : Optional.of(id.toString());
    }

    /** The device that was named, after a look at the other arguments. */
    DeviceId deviceId() {
        if (threads < 1 || threads > 1024) {
            throw new ParameterException(spec.commandLine(), "--threads takes a number from 1 to 1024, not " + threads);
        }
        // An empty GUST_DEVICE is how a shell script says that it has none to name.
        return device == null || device.isEmpty() ? DeviceId.AUTO : DeviceId.parse(device);
    }

    /** Where the running verb learns that the user wants it to stop. */
    Interruption interruption() {
        return ((Main) spec.root().userObject()).interruption();
    }

    /** A progress bar where somebody watches, silence elsewhere. */
    Progress progress() {
        return quiet || !StandardError.isTerminal() ? Progress.NONE : new ProgressBars();
    }
}
