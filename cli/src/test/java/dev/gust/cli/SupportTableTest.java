package dev.gust.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.runtime.Catalog;
import dev.gust.runtime.catalog.SupportTable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The README shows the catalog as it is. */
class SupportTableTest {
    @Test
    void theReadmeShowsTheCatalog() throws IOException {
        String readme = Files.readString(Path.of(System.getProperty("gust.root"), "README.md"));
        assertThat(readme)
                .as("README.md; put there what gust op --list --markdown prints")
                .contains("<!-- gust op --list --markdown -->\n" + SupportTable.markdown(Catalog.operators())
                        + "<!-- end -->");
    }
}
