package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.gust.formats.scheme.Scheme;
import dev.gust.formats.tensor.Shape;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** {@code devices}, {@code doctor} and {@code bench}. */
class MachineCommandsTest {
    @Test
    void devicesListsTheJvm() {
        assertThat(Gust.run("devices").isDone().out())
                .startsWith("id ")
                .contains("jvm")
                .contains("scalar")
                .contains("Vector API");
        assertThat(Gust.run("devices", "--quiet").isDone().out()).isEmpty();
    }

    @Test
    void devicesAsJson() {
        JsonNode root = Gust.run("devices", "--json").isDone().json();
        assertThat(Gust.keys(root)).containsExactly("devices");
        JsonNode jvm = root.path("devices").get(0);
        assertThat(Gust.keys(jvm))
                .containsExactly("driver", "features", "id", "kind", "memory", "name", "threads", "usable");
        assertThat(jvm.path("id").asText()).isEqualTo("jvm");
        assertThat(jvm.path("usable").asBoolean()).isTrue();
        assertThat(jvm.path("memory").asLong()).isPositive();
        assertThat(jvm.path("threads").asInt()).isPositive();
        assertThat(root.path("devices").findValuesAsText("id"))
                .contains("scalar")
                .doesNotHaveDuplicates();
        // This JVM has no TornadoVM; if the machine has, the list says how to use it.
        assertThat(root.path("devices"))
                .allSatisfy(device -> assertThat(device.has("reason"))
                        .isNotEqualTo(device.path("usable").asBoolean()));
    }

    @Test
    void doctorFindsThisMachineWell() {
        assertThat(Gust.run("doctor").isDone().out())
                .startsWith("check ")
                .contains("JDK", "Vector API", "memory", "temporary folder", "working folder", "Maven", "TornadoVM");
        assertThat(Gust.run("doctor", "--quiet").isDone().out()).isEmpty();
    }

    @Test
    void benchTimesEveryScheme() throws Exception {
        SchemeTiming.Result result = SchemeTiming.measure(Shape.of(128, 256), 0.001);
        JsonNode root = JsonMapper.builder().build().readTree(BenchCommand.json(result));
        assertThat(Gust.keys(root)).containsExactly("copy_bytes_per_second", "schemes");
        assertThat(root.path("schemes").findValuesAsText("scheme"))
                .containsExactlyElementsOf(
                        Arrays.stream(Scheme.values()).map(Scheme::label).toList());
        assertThat(root.path("schemes")).allSatisfy(row -> {
            assertThat(row.path("quantize_bytes_per_second").asDouble()).isPositive();
            assertThat(row.path("restore_bytes_per_second").asDouble()).isPositive();
        });
    }

    @Test
    void benchRefusesTimesThatAreNone() {
        for (String seconds : new String[] {"0", "-1", "NaN", "Infinity", "soon"}) {
            assertThat(Gust.run("bench", "--seconds", seconds).code()).isEqualTo(ExitCodes.USAGE);
        }
    }

    @Test
    void doctorAsJson() {
        JsonNode root = Gust.run("doctor", "--json").isDone().json();
        assertThat(Gust.keys(root)).containsExactly("checks", "ok");
        assertThat(root.path("ok").asBoolean()).isTrue();
        assertThat(root.path("checks")).hasSizeGreaterThan(5).allSatisfy(check -> {
            assertThat(Gust.keys(check)).containsExactly("found", "name", "remedy", "state");
            assertThat(check.path("state").asText()).isIn("ok", "warn");
            // Whatever is not well comes with a way to mend it.
            assertThat(check.path("remedy").asText().isEmpty())
                    .isEqualTo(check.path("state").asText().equals("ok"));
        });
    }
}
