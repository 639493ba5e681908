package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the command as a process of its own, with the flags that the launcher gives it. */
final class GustProcess {
    private static final String JAVA =
            Path.of(System.getProperty("java.home"), "bin", "java").toString();
    private static final long PATIENCE_SECONDS = 120;

    private GustProcess() {}

    /** The command line that starts it; {@code heap} as in {@code 128m}. */
    static List<String> command(String heap, Object... args) {
        return java(heap, "dev.gust.cli.Main", args);
    }

    static List<String> java(String heap, String mainClass, Object... args) {
        var command = new ArrayList<String>(List.of(
                JAVA,
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-XX:-BackgroundCompilation",
                "-XX:-UsePerfData",
                "-Xlog:disable",
                "-Xmx" + heap,
                "-cp",
                System.getProperty("java.class.path"),
                mainClass));
        command.addAll(Gust.strings(args));
        return command;
    }

    /** Starts a process whose output goes to files, so that no full pipe holds it up. */
    static Process start(Path scratch, List<String> command) {
        try {
            return new ProcessBuilder(command)
                    .redirectOutput(scratch.resolve("stdout").toFile())
                    .redirectError(scratch.resolve("stderr").toFile())
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits for the end and gives what a user would see: the JVM's own warning is the launcher's business. */
    static Gust.Result await(Path scratch, Process process) throws IOException, InterruptedException {
        if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly();
            assertThat(false).as("the process hangs").isTrue();
        }
        String err = Files.readString(scratch.resolve("stderr"))
                .replaceAll("(?m)^WARNING: Using incubator modules.*\\R", "");
        return new Gust.Result(process.exitValue(), Files.readString(scratch.resolve("stdout")), err);
    }

    static Gust.Result run(Path scratch, List<String> command) throws IOException, InterruptedException {
        return await(scratch, start(scratch, command));
    }

    /** Runs a line of shell; {@code $@} is the command. */
    static Gust.Result shell(Path scratch, String line, List<String> command) throws IOException, InterruptedException {
        var shell = new ArrayList<String>(List.of("bash", "-c", line, "gust"));
        shell.addAll(command);
        return run(scratch, shell);
    }
}
