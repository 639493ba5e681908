package dev.gust.formats.maven;

import dev.gust.formats.InputException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The installed Maven, run as its user would run it: its settings, mirrors, credentials, proxies and cache apply, and
 * none of them pass through here.
 */
final class MavenCommand {
    private static final String COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy";
    private static final String PROJECT = "standalone-pom: ";
    private static final String HELP = " -> [Help";

    private final Path executable;

    private MavenCommand(Path executable) {
        this.executable = executable;
    }

    /**
     * Finds Maven on the PATH, or in MAVEN_HOME.
     *
     * @param environment where those variables are looked up
     * @param location what is to be fetched, for the error
     * @throws InputException if there is none
     */
    static MavenCommand find(Map<String, String> environment, String location) {
        boolean windows =
                System.getProperty("os.name", "").toLowerCase(Locale.ROOT).startsWith("windows");
        String name = windows ? "mvn.cmd" : "mvn";
        Stream<String> path = Stream.of(environment.getOrDefault("PATH", "").split(File.pathSeparator));
        Stream<String> homes = Stream.of("MAVEN_HOME", "M2_HOME")
                .map(key -> environment.getOrDefault(key, ""))
                .filter(home -> !home.isEmpty())
                .map(home -> home + File.separator + "bin");
        return Stream.concat(path, homes)
                .filter(folder -> !folder.isEmpty())
                .flatMap(folder -> executable(folder, name).stream())
                .findFirst()
                .map(MavenCommand::new)
                .orElseThrow(() -> InputException.of(
                        location,
                        "needs Maven, and there is no mvn on the PATH nor in MAVEN_HOME",
                        "install Maven 3.8 or newer, or name a local file"));
    }

    private static Optional<Path> executable(String folder, String name) {
        try {
            // Absolute, for the process runs elsewhere.
            return Optional.of(Path.of(folder, name).toAbsolutePath()).filter(Files::isExecutable);
        } catch (InvalidPathException e) {
            return Optional.empty();
        }
    }

    /**
     * Copies an artifact's jar from the local repository, downloading it first where it is missing.
     *
     * @param location the artifact
     * @param work an empty folder in which to run: a pom or settings that happen to lie around must not take part
     * @param into folder that receives the jar
     * @return the jar
     * @throws InputException with Maven's own reason, if it fails
     */
    Path copyJar(MavenLocation location, Path work, Path into) throws IOException {
        List<String> command = List.of(
                executable.toString(),
                "-B",
                "-q",
                "-Dstyle.color=never",
                COPY,
                "-Dartifact=" + location.artifactWithPackaging(),
                "-DoutputDirectory=" + into,
                "-Dmdep.useBaseVersion=true");
        List<String> errors = run(command, work);
        try (Stream<Path> files = Files.list(into)) {
            List<Path> jars = files.filter(Files::isRegularFile).toList();
            if (errors.isEmpty() && jars.size() == 1) {
                return jars.getFirst();
            }
        }
        throw InputException.of(
                location.toString(),
                errors.isEmpty() ? "Maven copied no jar" : "Maven: " + reason(errors.getFirst()),
                "check the coordinates, and that Maven reaches a repository that has them");
    }

    /** Runs Maven to its end; what it complained about, which is something if it failed. */
    private static List<String> run(List<String> command, Path work) throws IOException {
        Process process = new ProcessBuilder(command)
                .directory(work.toFile())
                .redirectErrorStream(true)
                .start();
        try {
            process.getOutputStream().close();
            List<String> errors = new ArrayList<>();
            String last = "it failed and said nothing";
            try (var output = process.inputReader()) {
                for (String line = output.readLine(); line != null; line = output.readLine()) {
                    String text = line.strip();
                    // The first error says why; the rest is advice on debugging Maven.
                    if (text.startsWith("[ERROR] ") && errors.isEmpty()) {
                        errors.add(text.substring("[ERROR] ".length()));
                    }
                    last = text.isEmpty() ? last : text;
                }
            }
            if (process.waitFor() == 0) {
                return List.of();
            }
            return errors.isEmpty() ? List.of(last) : errors;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while Maven was running", e);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } finally {
            process.destroy();
        }
    }

    /** The part of Maven's error that is about the artifact. */
    private static String reason(String error) {
        int begin = error.indexOf(PROJECT);
        String reason = begin < 0 ? error : error.substring(begin + PROJECT.length());
        int end = reason.indexOf(HELP);
        return end < 0 ? reason : reason.substring(0, end);
    }
}
