package dev.gust.formats.vqhead;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeadMetadataTest {
    @Test
    void whatIsWrittenIsRead() {
        var metadata = new HeadMetadata(HeadMethod.PQ, 9, 0, List.of(3, 0, 70));
        assertThat(HeadMetadata.parse("f", metadata.json().toString())).isEqualTo(metadata);
        assertThat(HeadMetadata.parse(
                                "f",
                                new HeadMetadata(HeadMethod.INT4, 1, 2).json().toString())
                        .always())
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"7", "[-1]", "[1.5]", "[\"a\"]", "{}", "[5000000000]"})
    void rowsThatAreNoneAreRefused(String always) {
        assertThatThrownBy(() -> HeadMetadata.parse("f", "{\"method\":\"pq\",\"always\":" + always + "}"))
                .isInstanceOf(InputException.class)
                .hasMessageContainingAll("f: ", "always");
    }
}
