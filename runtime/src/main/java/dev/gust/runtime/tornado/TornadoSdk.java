package dev.gust.runtime.tornado;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * An installed TornadoVM SDK.
 *
 * @param home its folder
 * @param version its version with the JDK it is for, such as 5.2.0-jdk25; empty if its jars are not there
 * @param backends the backends it was built with: opencl, ptx, cuda, spirv, metal
 * @param problem why Gust cannot use it and what mends that, if it cannot
 */
public record TornadoSdk(Path home, String version, List<String> backends, Optional<String> problem) {
    /** How to install one. SDKMAN's default is the SDK for JDK 21, which does not start on 25. */
    public static final String INSTALL =
            "install it with 'sdk install tornadovm 5.2.0-jdk25-opencl' (or -cuda, -ptx, -spirv, -metal, -full) from"
                    + " sdkman.io, or set TORNADOVM_HOME to an SDK for JDK 25";

    private static final Pattern API_JAR = Pattern.compile("tornado-api-(.+)\\.jar");
    private static final Pattern DRIVER_JAR = Pattern.compile("tornado-drivers-(opencl|ptx|cuda|spirv|metal)-.+\\.jar");
    private static final Pattern JDK = Pattern.compile(".*-jdk(\\d+).*");

    public TornadoSdk {
        backends = List.copyOf(backends);
    }

    /** The SDK that TORNADOVM_HOME names, or else the one that SDKMAN has made current. */
    public static Optional<TornadoSdk> find() {
        return find(System.getenv());
    }

    /** As {@link #find()}, in another environment. */
    static Optional<TornadoSdk> find(Map<String, String> environment) {
        String named = environment.getOrDefault("TORNADOVM_HOME", "");
        if (!named.isEmpty()) {
            Path home = Path.of(named);
            return Optional.of(
                    Files.isDirectory(home)
                            ? look(home)
                            : new TornadoSdk(
                                    home,
                                    "",
                                    List.of(),
                                    Optional.of("TORNADOVM_HOME names " + home
                                            + ", which is no folder; correct or unset it")));
        }
        String sdkman = environment.getOrDefault("SDKMAN_DIR", "");
        // As a shell sees it, and the launcher with it.
        Path userHome = Path.of(environment.getOrDefault("HOME", System.getProperty("user.home", "")));
        Path home = (sdkman.isEmpty() ? userHome.resolve(".sdkman") : Path.of(sdkman))
                .resolve("candidates/tornadovm/current");
        return Files.isDirectory(home) ? Optional.of(look(home)) : Optional.empty();
    }

    /** The file of JVM arguments with which Java has to be started. */
    public Path argumentFile() {
        return home.resolve("tornado-argfile");
    }

    private static TornadoSdk look(Path home) {
        List<String> jars = jars(home.resolve("share/java/tornado"));
        String version = jars.stream()
                .map(API_JAR::matcher)
                .filter(Matcher::matches)
                .map(m -> m.group(1))
                .findFirst()
                .orElse("");
        return new TornadoSdk(home, version, backends(home, jars), problem(home, version));
    }

    private static List<String> jars(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        } catch (IOException | UncheckedIOException e) {
            return List.of();
        }
    }

    /** What the SDK says of itself, of which only those are there whose driver is. */
    private static List<String> backends(Path home, List<String> jars) {
        List<String> drivers = jars.stream()
                .map(DRIVER_JAR::matcher)
                .filter(Matcher::matches)
                .map(m -> m.group(1))
                .distinct()
                .toList();
        try (Stream<String> lines = Files.lines(home.resolve("etc/tornado.backend"))) {
            List<String> named = lines.filter(l -> l.startsWith("tornado.backends="))
                    .flatMap(l -> Arrays.stream(
                            l.substring("tornado.backends=".length()).split(",", -1)))
                    .map(b -> b.strip().replace("-backend", ""))
                    .filter(drivers::contains)
                    .toList();
            return named.isEmpty() ? drivers : named;
        } catch (IOException | UncheckedIOException e) {
            return drivers;
        }
    }

    private static Optional<String> problem(Path home, String version) {
        if (version.isEmpty()) {
            return Optional.of(home + " has no share/java/tornado/tornado-api jar; " + INSTALL);
        }
        Matcher jdk = JDK.matcher(version);
        int feature = Runtime.version().feature();
        if (!jdk.matches() || Integer.parseInt(jdk.group(1)) != feature) {
            return Optional.of("version " + version + " is not for JDK " + feature + "; " + INSTALL);
        }
        return Files.isReadable(home.resolve("tornado-argfile"))
                ? Optional.empty()
                : Optional.of(home + " has no tornado-argfile; make it with '" + home
                        + "/bin/tornado --generate-argfile', or install the SDK again");
    }
}
