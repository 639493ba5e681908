package dev.gust.cli;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** Entry point of the {@code gust} command. */
@Command(
        name = "gust",
        description = "Quantizes models to FP8, FP4 and GGUF's blocks, and proves the result.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            QuantizeCommand.class,
            DequantizeCommand.class,
            ConvertCommand.class,
            CompareCommand.class,
            VerifyCommand.class,
            InspectCommand.class,
            DevicesCommand.class,
            DoctorCommand.class,
            CommandLine.HelpCommand.class
        },
        footer = {
            "",
            "Exit codes: 0 done, 2 wrong usage, 3 bad or unsupported input, 4 device missing or failed,",
            "5 a check that was asked for did not hold, 1 anything else.",
            "Every verb explains itself: gust VERB --help."
        })
public final class Main {
    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Print a stack trace with an error.")
    boolean debug;

    private Main() {}

    public static void main(String[] args) {
        StandardError.takeBack();
        int code = run(args);
        Interruption.finished();
        System.exit(code);
    }

    /** Runs a command line and gives its exit code; prints, but does not exit. */
    static int run(String... args) {
        return run(
                new PrintWriter(System.out, true, StandardCharsets.UTF_8),
                new PrintWriter(System.err, true, StandardCharsets.UTF_8),
                args);
    }

    /** As {@link #run(String...)}, with output going elsewhere. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        var main = new Main();
        CommandLine commandLine = new CommandLine(main)
                .setOut(out)
                .setErr(err)
                .setUsageHelpAutoWidth(false)
                .setUsageHelpWidth(110)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(ExitCodes::onParameterError)
                .setExecutionExceptionHandler((e, command, _) -> ExitCodes.onFailure(e, command, main.debug));
        if (args.length == 0) {
            commandLine.usage(err);
            return ExitCodes.USAGE;
        }
        int code;
        try {
            code = commandLine.execute(args);
        } catch (Error e) { // out of memory, or a mapped file that was cut short under us
            ExitCodes.report(e, err, main.debug);
            code = ExitCodes.OTHER;
        }
        out.flush();
        err.flush();
        return out.checkError() && code == 0 ? ExitCodes.OTHER : code; // a full disk behind stdout is a failure
    }
}
