package dev.gust.cli;

import dev.gust.formats.OutputException;
import dev.gust.quantization.report.QuantizationReport;
import dev.gust.quantization.report.ReportHtml;
import dev.gust.quantization.report.ReportJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.function.Function;
import picocli.CommandLine.ParameterException;

/**
 * The file that {@code --report} names.
 *
 * @param path where it goes
 * @param render makes its text
 */
record ReportFile(Path path, Function<QuantizationReport, String> render) {
    static ReportFile of(Path path, CommonOptions common) {
        String name = String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT);
        requirePlace(path);
        if (name.endsWith(".html")) {
            return new ReportFile(path, ReportHtml::render);
        }
        if (name.endsWith(".json")) {
            return new ReportFile(path, ReportJson::render);
        }
        throw new ParameterException(common.spec.commandLine(), "--report takes a .html or .json file, not " + path);
    }

    /** A report that cannot be written should not be learnt of after hours of work. */
    private static void requirePlace(Path path) {
        Path folder = path.toAbsolutePath().getParent();
        while (folder != null && !Files.exists(folder)) {
            folder = folder.getParent();
        }
        if (Files.isDirectory(path) || folder == null || !Files.isDirectory(folder) || !Files.isWritable(folder)) {
            throw OutputException.of(
                    path.toString(), "no report can be written there", "name a file in a folder you may write to");
        }
    }

    void write(QuantizationReport report) {
        Path target = path.toAbsolutePath();
        try {
            Files.createDirectories(target.getParent());
            Path partial = target.resolveSibling(target.getFileName() + ".partial");
            try {
                Files.writeString(partial, render.apply(report));
                Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw OutputException.of(
                    path.toString(),
                    "the report cannot be written: " + e.getMessage(),
                    "check space and permissions",
                    e);
        }
    }
}
