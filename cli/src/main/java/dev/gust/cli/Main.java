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
            LowRankCommand.class,
            ConvertCommand.class,
            CompareCommand.class,
            VerifyCommand.class,
            CalibrateCommand.class,
            EvaluateCommand.class,
            InspectCommand.class,
            VqHeadCommand.class,
            OpCommand.class,
            DevicesCommand.class,
            DoctorCommand.class,
            BenchCommand.class,
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

    private final Interruption interruption;

    private Main(Interruption interruption) {
        this.interruption = interruption;
    }

    public static void main(String[] args) {
        StandardError.takeBack();
        var out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err); // drivers and compilers of devices talk, and stdout is for data
        System.exit(run(out, new PrintWriter(System.err, true, StandardCharsets.UTF_8), args));
    }

    /** Runs a command line and gives its exit code; prints, but does not exit. */
    static int run(PrintWriter out, PrintWriter err, String... args) {
        try (var interruption = new Interruption()) {
            return new Main(interruption).execute(out, err, args);
        }
    }

    private int execute(PrintWriter out, PrintWriter err, String... args) {
        int code;
        try {
            code = commandLine(out, err).execute(args);
        } catch (RuntimeException | Error e) { // out of memory, or a mapped file that was cut short under us
            code = ExitCodes.onFailure(e, err, debug);
        }
        out.flush();
        if (out.checkError() && code == ExitCodes.DONE) { // a full disk behind stdout, or a reader that has left
            err.println("gust: stdout cannot be written: check the disk or the program that reads it");
            code = ExitCodes.OTHER;
        }
        err.flush();
        return code;
    }

    private CommandLine commandLine(PrintWriter out, PrintWriter err) {
        return new CommandLine(this)
                .setOut(out)
                .setErr(err)
                .setExpandAtFiles(false) // a name may begin with @
                .setUsageHelpAutoWidth(false)
                .setUsageHelpWidth(110)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(ExitCodes::onParameterError)
                .setExecutionExceptionHandler((e, _, _) -> ExitCodes.onFailure(e, err, debug));
    }

    /** What tells the running verb that the user wants it to stop. */
    Interruption interruption() {
        return interruption;
    }
}
