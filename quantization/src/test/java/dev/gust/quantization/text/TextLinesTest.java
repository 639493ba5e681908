package dev.gust.quantization.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextLinesTest {
    @TempDir
    Path folder;

    private List<TextLines.Line> read(byte[] bytes) throws IOException {
        Path file = Files.write(folder.resolve("text"), bytes);
        var lines = new ArrayList<TextLines.Line>();
        try (TextLines text = TextLines.open(file)) {
            assertThat(text.byteSize()).isEqualTo(bytes.length);
            for (Optional<TextLines.Line> line = text.next(); line.isPresent(); line = text.next()) {
                lines.add(line.get());
            }
        }
        return lines;
    }

    @Test
    void leavesBlankLinesOutAndCountsThem() throws IOException {
        assertThat(read("a b\n\n \t\r\nü €\r\n😀".getBytes(StandardCharsets.UTF_8)))
                .extracting(TextLines.Line::number)
                .containsExactly(1L, 4L, 5L);
        assertThat(read("last".getBytes(StandardCharsets.UTF_8))).containsExactly(new TextLines.Line(1, "last", false));
        assertThat(read(new byte[0])).isEmpty();
    }

    @Test
    void aLineWithoutEndIsCutAndNotKept() throws IOException {
        byte[] bytes = new byte[(3 << 20) + 2];
        Arrays.fill(bytes, (byte) 'x');
        bytes[3 << 20] = '\n';
        List<TextLines.Line> lines = read(bytes);
        assertThat(lines).extracting(l -> l.text().length()).containsExactly(1 << 20, 1);
        assertThat(lines).extracting(TextLines.Line::cut).containsExactly(true, false);
    }

    @Test
    void whatIsNotTextIsRefused() {
        for (byte[] bytes : List.of(new byte[] {'a', '\n', (byte) 0xFF}, new byte[] {(byte) 0xE2, (byte) 0x82})) {
            assertThatThrownBy(() -> read(bytes))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("not UTF-8");
        }
        assertThatThrownBy(() -> TextLines.open(folder)).isInstanceOf(InputException.class);
    }
}
