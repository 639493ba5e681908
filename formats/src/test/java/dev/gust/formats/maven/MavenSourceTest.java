package dev.gust.formats.maven;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.gust.formats.InputException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.safetensors.SafetensorsFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** With a script in Maven's place: what it is asked, and what becomes of its answers. The real one: MiniLmTest. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class MavenSourceTest {
    private static final String LOCATION = "maven:g:a:1!/models/model.safetensors";

    @TempDir
    Path folder;

    private Path jar;
    private byte[] model;

    @BeforeEach
    void packModel() throws IOException {
        model = Files.readAllBytes(
                new SafetensorsFixture().floats("a", new float[] {1, 2}).write(folder.resolve("m.safetensors")));
        jar = folder.resolve("a.jar");
        pack(Map.of("models/model.safetensors", model, "README", new byte[3]));
    }

    private void pack(Map<String, byte[]> entries) throws IOException {
        try (var zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
                zip.putNextEntry(new ZipEntry(entry.getKey()));
                zip.write(entry.getValue());
                zip.closeEntry();
            }
        }
    }

    /** A Maven that runs these lines of shell; {@code $out} is the folder for the jar. */
    private Map<String, String> maven(String... lines) throws IOException {
        Path bin = Files.createDirectories(folder.resolve("bin"));
        Path script = bin.resolve("mvn");
        Files.writeString(
                script,
                "#!/bin/sh\nfor a in \"$@\"; do case \"$a\" in -DoutputDirectory=*) out=\"${a#*=}\";; esac; done\n"
                        + String.join("\n", lines) + "\n");
        assertThat(script.toFile().setExecutable(true)).isTrue();
        return Map.of("PATH", "/nonexistent:" + bin);
    }

    private Map<String, String> mavenThatWorks() throws IOException {
        return maven("cp '" + jar + "' \"$out/a-1.jar\"");
    }

    private static void assertRefused(String location, Map<String, String> environment, String reason) {
        assertThatExceptionOfType(InputException.class)
                .isThrownBy(() -> MavenSource.fetch(location, environment).close())
                .withMessageStartingWith(location)
                .withMessageContaining(reason);
    }

    @Test
    void opensAModelThatIsDeletedOnClose() throws IOException {
        var source = MavenSource.fetch(LOCATION, mavenThatWorks());
        assertThat(source.location()).isEqualTo(LOCATION);
        assertThat(source.model()).hasFileName("model.safetensors").hasBinaryContent(model);
        assertThat(source.carriedFiles()).isEmpty();
        assertThat(source.identity()).matches(LOCATION + "@sha256:[0-9a-f]{64}");
        try (var file = SafetensorsFile.open(source.model(), source.location())) {
            source.close();
            source.close();
            assertThat(source.model().resolve("../..").normalize()).doesNotExist();
            assertThat(file.open("a").data().byteSize()).isEqualTo(8);
        }
    }

    @Test
    void asksMavenForOneArtifactInAnEmptyFolder() throws IOException {
        Path said = folder.resolve("said");
        Map<String, String> maven = maven(
                "for a in \"$@\"; do echo \"$a\"; done > '" + said + "'",
                "ls -A >> '" + said + "'",
                "cp '" + jar + "' \"$out\"");
        MavenSource.fetch("maven:org.x:a-b:1.0:int8!models/model.safetensors", maven)
                .close();
        List<String> lines = Files.readAllLines(said);
        assertThat(lines)
                .hasSize(7)
                .contains("-B", "-q", "-Dartifact=org.x:a-b:1.0:jar:int8", "-Dmdep.useBaseVersion=true")
                .contains("org.apache.maven.plugins:maven-dependency-plugin:3.11.0:copy");
    }

    @Test
    void findsMavenInItsHome() throws IOException {
        mavenThatWorks();
        MavenSource.fetch(LOCATION, Map.of("MAVEN_HOME", folder.toString())).close();
        assertRefused(LOCATION, Map.of("PATH", "/nonexistent::\0", "MAVEN_HOME", ""), "there is no mvn on the PATH");
    }

    @Test
    void passesOnMavensOwnReason() throws IOException {
        assertRefused(
                LOCATION,
                maven(
                        "echo '[INFO] noise'",
                        "echo '[ERROR] Failed to execute goal x on project standalone-pom: Could not find g:a -> [Help 1]' >&2",
                        "echo '[ERROR] advice'",
                        "exit 1"),
                "Maven: Could not find g:a; check");
        assertRefused(LOCATION, maven("echo 'java: not found'", "exit 127"), "Maven: java: not found");
        assertRefused(LOCATION, maven("exit 1"), "Maven: it failed and said nothing");
        assertRefused(LOCATION, maven("exit 0"), "Maven copied no jar");
    }

    @Test
    void namesTheModelsThatAreThere() throws IOException {
        assertRefused("maven:g:a:1!/other.onnx", mavenThatWorks(), "the jar holds /models/model.safetensors");
        assertRefused("maven:g:a:1!/models", mavenThatWorks(), "no such file in the jar");
        pack(Map.of(
                "1.onnx",
                model,
                "2.gguf",
                model,
                "3.arrow",
                model,
                "4.ONNX",
                model,
                "5.safetensors",
                model,
                "6.onnx",
                model));
        assertRefused(LOCATION, mavenThatWorks(), "the jar holds /1.onnx, /2.gguf, /3.arrow, /4.ONNX, /5.safetensors");
        pack(Map.of("x", model));
        assertRefused(LOCATION, mavenThatWorks(), "the jar holds no model");
    }

    @Test
    void offersTheTokenizerBesideTheModel() throws IOException {
        Map<String, byte[]> entries = new LinkedHashMap<>();
        entries.put("models/model.safetensors", model);
        entries.put("tokenizer.json", "root".getBytes(UTF_8));
        entries.put("models/sub/tokenizer.json", "sub".getBytes(UTF_8));
        pack(entries);
        assertTokenizer();
        entries.put("models/other-tokenizer.json", "only".getBytes(UTF_8));
        pack(entries);
        assertTokenizer("only");
        entries.put("models/another-tokenizer.json", "unclear".getBytes(UTF_8));
        pack(entries);
        assertTokenizer();
        entries.put("models/model-tokenizer.json", "named".getBytes(UTF_8));
        pack(entries);
        assertTokenizer("named");
        entries.put("models/tokenizer.json", "plain".getBytes(UTF_8));
        pack(entries);
        assertTokenizer("plain");
    }

    private void assertTokenizer(String... content) throws IOException {
        try (var source = MavenSource.fetch(LOCATION, mavenThatWorks())) {
            assertThat(source.carriedFiles()).hasSize(content.length);
            for (Path file : source.carriedFiles()) {
                assertThat(file).hasFileName("tokenizer.json").hasContent(content[0]);
            }
        }
    }

    @Test
    void survivesDamagedJars() throws IOException {
        byte[] noise = new byte[3000];
        var random = new SplittableRandom(5);
        random.nextBytes(noise);
        pack(Map.of("models/model.safetensors", noise));
        byte[] good = Files.readAllBytes(jar);
        int refused = 0;
        for (int round = 0; round < 2000; round++) {
            byte[] bad = good.clone();
            int at = random.nextBoolean() ? random.nextInt(bad.length) : bad.length - 1 - random.nextInt(120);
            bad[at] = (byte) random.nextInt(256);
            Files.write(jar, bad);
            Path to = folder.resolve("out");
            try (var content = new ModelJar(jar, "x")) {
                content.extract("models/model.safetensors", to);
                assertThat(to).hasBinaryContent(noise);
            } catch (InputException expected) {
                refused++;
            }
            Files.deleteIfExists(to);
        }
        assertThat(refused).isBetween(500, 1999);
    }
}
