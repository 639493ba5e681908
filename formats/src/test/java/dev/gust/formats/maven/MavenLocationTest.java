package dev.gust.formats.maven;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.gust.formats.UsageException;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MavenLocationTest {
    @Test
    void parses() {
        assertThat(MavenLocation.parse("maven:org.example:my-model_2:1.0+b-SNAPSHOT!/a/b c.onnx"))
                .isEqualTo(new MavenLocation(
                        "org.example", "my-model_2", "1.0+b-SNAPSHOT", Optional.empty(), "a/b c.onnx"));
        MavenLocation classified = MavenLocation.parse("maven:g:a:1:int8!x");
        assertThat(classified).isEqualTo(new MavenLocation("g", "a", "1", Optional.of("int8"), "x"));
        assertThat(classified).hasToString("maven:g:a:1:int8!/x");
        assertThat(classified.artifactWithPackaging()).isEqualTo("g:a:1:jar:int8");
    }

    @Test
    void readsVeryLongOnes() {
        String name = "n".repeat(200_000);
        assertThat(MavenLocation.parse("maven:" + name + ":" + name + ":1!/" + name)
                        .entry())
                .isEqualTo(name);
        assertThatExceptionOfType(UsageException.class)
                .isThrownBy(() -> MavenLocation.parse("maven:" + name + ":" + name));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "maven:",
                "maven:g:a!/x",
                "maven:g:a:1",
                "maven:g:a:1!",
                "maven:g:a:1!/",
                "maven:g:a:1!/folder/",
                "maven:g:a:1:c:d!/x",
                "maven:g::1!/x",
                "maven:-Dx:a:1!/x",
                "maven:g:a:-1!/x",
                "maven:g:a:1 -Dy=z!/x",
                "maven:g:a:1;ls!/x",
                "maven:g:a:$(ls)!/x",
                "maven:g:a:[1,2)!/x",
                "maven:g:../../a:1!/x",
                "maven:g:a/b:1!/x",
                "maven:g:a\\b:1!/x",
                "maven:g:a:1..2!/x",
                "maven:g:a:1,x!/x",
                "maven:g:a:1\n!/x",
                "maven:g:a:1!/x\ny",
                "maven:g:a:1!/x\0",
                "maven:g:a:LATEST!/x",
                "maven:g:a:RELEASE!/x",
                "file:g:a:1!/x"
            })
    void refuses(String text) {
        assertThatExceptionOfType(UsageException.class).isThrownBy(() -> MavenLocation.parse(text));
    }
}
