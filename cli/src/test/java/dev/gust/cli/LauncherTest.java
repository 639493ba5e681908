package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The launcher script. Which JDKs a machine has is not for a test to say, so these run a copy of the script whose
 * system folders lie below a folder of the test, with a PATH that has nothing but what the script calls; a "JDK" is a
 * release file and a program that prints its arguments.
 */
class LauncherTest {
    private static final Path SCRIPT = Path.of(System.getProperty("gust.root", ".."), "gust");
    private static final List<String> TOOLS =
            List.of("bash", "dirname", "readlink", "grep", "ls", "head", "find", "cat", "tee", "mkdir", "rm", "touch");

    @TempDir
    Path folder;

    private Path root = Path.of("");
    private Path tools = Path.of("");

    @BeforeEach
    void installACopy() throws IOException {
        root = Files.createDirectories(folder.resolve("install dir"));
        Files.createDirectories(root.resolve("lib"));
        String script = Files.readString(SCRIPT);
        for (String system : List.of("/usr/lib/jvm/", "/usr/java/", "/opt/", "/Library/")) {
            assertThat(script).contains(" " + system);
            script = script.replace(" " + system, " \"$root\"/system" + system);
        }
        executable(root.resolve("gust"), script);
        tools = Files.createDirectories(folder.resolve("tools"));
        for (String tool : TOOLS) {
            Path real = Stream.of("/usr/bin", "/bin")
                    .map(d -> Path.of(d, tool))
                    .filter(Files::isExecutable)
                    .findFirst()
                    .orElseThrow();
            executable(tools.resolve(tool), "#!/bin/sh\nexec " + real + " \"$@\"\n");
        }
    }

    @Test
    void isValidBash() throws Exception {
        Process bash = new ProcessBuilder("bash", "-n", SCRIPT.toString())
                .redirectErrorStream(true)
                .start();
        assertThat(bash.inputReader().lines()).isEmpty();
        assertThat(bash.waitFor()).isZero();
        assertThat(Files.isExecutable(SCRIPT)).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "25, true",
        "25.0.1, true",
        "25-ea, true",
        "25+36, true",
        "21.0.2, false",
        "2.5, false",
        "250, false",
        "26, false",
        "1.8.0_25, false"
    })
    void aReleaseFileTellsTheVersion(String version, boolean fits) throws Exception {
        Path jdk = jdk(folder.resolve("some jdk"), version);
        Gust.Result result = run(Map.of("JAVA_HOME", jdk.toString()), "inspect", "x");
        if (fits) {
            assertThat(chosen(result)).isEqualTo(jdk);
        } else {
            result.failed(ExitCodes.OTHER, "no JDK 25 found", "JAVA_HOME", "install");
        }
    }

    @Test
    void aFolderThatOnlyLooksLikeAJdkIsPassedOver() throws Exception {
        Path hollow = jdk(folder.resolve("hollow"), "25");
        Files.delete(hollow.resolve("bin/java"));
        run(Map.of("JAVA_HOME", hollow.toString()), "x").failed(ExitCodes.OTHER, "no JDK 25 found");
        Path bare = jdk(folder.resolve("bare"), "25");
        Files.delete(bare.resolve("release"));
        run(Map.of("JAVA_HOME", bare.toString()), "x").failed(ExitCodes.OTHER, "no JDK 25 found");
        run(Map.of("JAVA_HOME", folder.resolve("nowhere").toString()), "x").failed(ExitCodes.OTHER, "no JDK 25 found");
    }

    @Test
    void placesAreLookedAtInOrder() throws Exception {
        Path home = Files.createDirectories(folder.resolve("home"));
        Path onPath = jdk(folder.resolve("onpath"), "25.0.9");
        var environment = new HashMap<String, String>(
                Map.of("HOME", home.toString(), "PATH", tools + File.pathSeparator + onPath.resolve("bin")));
        assertThat(chosen(run(environment))).isEqualTo(onPath);

        Path idea = jdk(home.resolve(".jdks/temurin-25"), "25.0.4");
        assertThat(chosen(run(environment))).isEqualTo(idea);
        Path sdkman = jdk(home.resolve(".sdkman/candidates/java/25-tem"), "25.0.3");
        assertThat(chosen(run(environment))).isEqualTo(sdkman);
        jdk(root.resolve("system/usr/lib/jvm/a-17"), "17.0.1");
        Path system = jdk(root.resolve("system/usr/lib/jvm/b-25"), "25.0.2");
        assertThat(chosen(run(environment))).isEqualTo(system);
        Path named = jdk(folder.resolve("named"), "25.0.1");
        environment.put("JAVA_HOME", named.toString());
        assertThat(chosen(run(environment))).isEqualTo(named);
        // A JAVA_HOME of another version is common, and no reason to give up.
        environment.put("JAVA_HOME", jdk(folder.resolve("old"), "21.0.2").toString());
        assertThat(chosen(run(environment))).isEqualTo(system);
    }

    @Test
    void argumentsArriveAsTheyAre() throws Exception {
        Path jdk = jdk(folder.resolve("jdk"), "25");
        Gust.Result result = run(
                Map.of("JAVA_HOME", jdk.toString(), "GUST_HEAP", "3g", "GUST_JAVA_OPTS", "-Da=b -Dc=d"),
                "quantize",
                "a b",
                "",
                "*",
                "--include",
                "x'y\"z",
                "$HOME");
        List<String> lines = result.out().lines().toList();
        int main = lines.indexOf("[dev.gust.cli.Main]");
        assertThat(lines.subList(main + 1, lines.size()))
                .containsExactly("[quantize]", "[a b]", "[]", "[*]", "[--include]", "[x'y\"z]", "[$HOME]");
        assertThat(lines.subList(0, main))
                .contains(
                        "[-Xmx3g]",
                        "[-Da=b]",
                        "[-Dc=d]",
                        "[--add-modules=jdk.incubator.vector]",
                        "[" + root.toRealPath() + "/lib/*]")
                .doesNotContain("[-Dgust.stdout.tty=true]", "[-Dgust.stderr.tty=true]");
    }

    @Test
    void isFoundThroughLinks() throws Exception {
        Path jdk = jdk(folder.resolve("jdk"), "25");
        Path bin = Files.createDirectories(folder.resolve("bin"));
        Files.createSymbolicLink(bin.resolve("first"), root.resolve("gust"));
        Files.createSymbolicLink(bin.resolve("gust"), Path.of("first"));
        Gust.Result result = run(bin.resolve("gust"), Map.of("JAVA_HOME", jdk.toString()), List.of("x"));
        assertThat(result.out()).contains("[" + root.toRealPath() + "/lib/*]");
    }

    @Test
    void tornadoIsLoadedOnlyWhereItMayBeUsed() throws Exception {
        Path jdk = jdk(folder.resolve("jdk"), "25");
        Path sdk = sdk(folder.resolve("sdk"), "5.2.0-jdk25");
        var environment = new HashMap<>(Map.of("JAVA_HOME", jdk.toString(), "TORNADOVM_HOME", sdk.toString()));
        List<List<String>> with = List.of(
                List.of("devices"),
                List.of("devices", "--device", "jvm"),
                List.of("--debug", "doctor"),
                List.of("op", "matmul"),
                List.of("calibrate", "in", "out"),
                List.of("evaluate", "a", "b", "--device", "tornado"),
                List.of("op", "matmul", "--device", "auto"),
                List.of("op", "matmul", "--device=tornado:0:1"));
        for (List<String> args : with) {
            assertThat(run(root.resolve("gust"), environment, args).isDone().out())
                    .as("%s", args)
                    .contains("[@" + sdk + "/tornado-argfile]", "[-Dtornado.recover.bailout=false]")
                    .contains("[--module-path]\n[" + sdk + "/share/java/tornado]")
                    .doesNotContain("[-XX:+UseSerialGC]", "[-XX:AOTCache");
        }
        List<List<String>> without = List.of(
                List.of(),
                List.of("--version"),
                List.of("quantize", "devices", "out"),
                List.of("op", "matmul", "--device", "jvm"),
                List.of("op", "--device=scalar", "matmul"));
        Files.writeString(root.resolve("gust.aot"), "x");
        for (List<String> args : without) {
            assertThat(run(root.resolve("gust"), environment, args).isDone().out())
                    .as("%s", args)
                    .doesNotContain("tornado-argfile", "tornado.recover")
                    .contains("[-XX:+UseSerialGC]", "[-XX:AOTCache");
        }
        environment.put("GUST_DEVICE", "jvm");
        assertThat(run(environment, "op", "matmul").isDone().out()).doesNotContain("tornado-argfile");
        environment.put("GUST_DEVICE", "tornado");
        assertThat(run(environment, "op", "matmul").isDone().out()).contains("tornado-argfile");
    }

    @Test
    void anSdkThatCannotStartIsLeftAlone() throws Exception {
        Path jdk = jdk(folder.resolve("jdk"), "25");
        Path other = sdk(folder.resolve("other"), "5.2.0-jdk21");
        Path hollow = sdk(folder.resolve("hollow"), "5.2.0-jdk25");
        Files.delete(hollow.resolve("tornado-argfile"));
        for (Path sdk : List.of(other, hollow, folder.resolve("nowhere"))) {
            assertThat(run(Map.of("JAVA_HOME", jdk.toString(), "TORNADOVM_HOME", sdk.toString()), "devices")
                            .isDone()
                            .out())
                    .doesNotContain("tornado-argfile");
        }
        Path home = Files.createDirectories(folder.resolve("home"));
        Path sdkman = sdk(home.resolve(".sdkman/candidates/tornadovm/current"), "5.2.0-jdk25");
        assertThat(run(Map.of("JAVA_HOME", jdk.toString(), "HOME", home.toString()), "devices")
                        .isDone()
                        .out())
                .contains("[@" + sdkman + "/tornado-argfile]");
    }

    private static Path sdk(Path home, String version) throws IOException {
        Path jars = Files.createDirectories(home.resolve("share/java/tornado"));
        Files.writeString(jars.resolve("tornado-api-" + version + ".jar"), "");
        Files.writeString(home.resolve("tornado-argfile"), "");
        return home;
    }

    /** The whole way: the script, the real JVM, the built classes. */
    @Test
    void aFailureIsOneLineAndDataIsClean() throws Exception {
        install(root.resolve("lib"));
        Map<String, String> environment = Map.of("JAVA_HOME", System.getProperty("java.home"));
        run(environment, "inspect", "missing.safetensors").failed(ExitCodes.INPUT, "missing.safetensors");
        run(environment, "quantize", "a", "b").failed(ExitCodes.USAGE, "--scheme");
        run(environment, "verify", "missing\u001b[31m\nx").failed(ExitCodes.INPUT, "missing");
        assertThat(run(environment, "devices", "--json").isDone().json().path("devices"))
                .isNotEmpty();

        // A cache of class data that fits no more makes the JVM talk, and it talks on stdout.
        Files.writeString(root.resolve("gust.aot"), "stale");
        assertThat(run(environment, "devices", "--json").isDone().json().path("devices"))
                .isNotEmpty();
    }

    private Gust.Result run(Map<String, String> environment, String... args) throws Exception {
        return run(root.resolve("gust"), environment, List.of(args));
    }

    private Gust.Result run(Path script, Map<String, String> environment, List<String> args) throws Exception {
        var command = new ArrayList<String>(List.of(tools.resolve("bash").toString(), script.toString()));
        command.addAll(args);
        var builder = new ProcessBuilder(command)
                .redirectOutput(folder.resolve("stdout").toFile())
                .redirectError(folder.resolve("stderr").toFile());
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().putAll(environment);
        Process process = builder.start();
        int code = process.waitFor();
        return new Gust.Result(
                code, Files.readString(folder.resolve("stdout")), Files.readString(folder.resolve("stderr")));
    }

    /** The JDK whose java was started. */
    private static Path chosen(Gust.Result result) {
        result.isDone();
        String java = result.out().lines().findFirst().orElseThrow();
        assertThat(java).endsWith("/bin/java");
        return Path.of(java.substring(0, java.length() - "/bin/java".length()));
    }

    private static Path jdk(Path home, String version) throws IOException {
        Files.createDirectories(home.resolve("bin"));
        Files.writeString(home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"" + version + "\"\n");
        executable(home.resolve("bin/java"), "#!/bin/sh\necho \"$0\"\nfor a in \"$@\"; do echo \"[$a]\"; done\n");
        return home;
    }

    private static void executable(Path file, String text) throws IOException {
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    /** What the build puts into a distribution: jars, of which the project's own are packed here. */
    private static void install(Path lib) throws IOException {
        int number = 0;
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            Path path = Path.of(entry);
            if (Files.isDirectory(path)) {
                pack(path, lib.resolve("classes-" + number++ + ".jar"));
            } else if (Files.isRegularFile(path)) {
                Files.copy(path, lib.resolve(number++ + "-" + path.getFileName()));
            }
        }
    }

    private static void pack(Path classes, Path jar) throws IOException {
        try (OutputStream file = Files.newOutputStream(jar);
                var out = new JarOutputStream(file);
                Stream<Path> files = Files.walk(classes)) {
            for (Path path : files.filter(Files::isRegularFile).toList()) {
                out.putNextEntry(new JarEntry(classes.relativize(path).toString()));
                Files.copy(path, out);
                out.closeEntry();
            }
        }
    }
}
