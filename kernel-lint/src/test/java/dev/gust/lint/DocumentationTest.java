package dev.gust.lint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class DocumentationTest {
    /** The table in docs/kernels.md has a row for every rule, in this order and these words, and no other. */
    @Test
    void theTableOfRulesIsTheRules() throws IOException {
        Path page = Path.of(System.getProperty("gust.root", ".."), "docs", "kernels.md");
        List<String> rows = Files.readAllLines(page).stream()
                .filter(line -> line.matches("\\| `[a-z0-9-]+` \\|.*"))
                .toList();
        assertThat(rows)
                .containsExactlyElementsOf(Arrays.stream(Rule.values())
                        .map(rule ->
                                "| `" + rule.id() + "` | " + cell(rule.fault()) + " | " + cell(rule.instead()) + " |")
                        .toList());
    }

    private static String cell(String text) {
        return text.replace("|", "\\|");
    }
}
