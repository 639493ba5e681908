package dev.gust.quantization.report;

import static dev.gust.quantization.Pipelines.threads;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.gust.formats.layout.Layout;
import dev.gust.formats.tensor.Shape;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import java.io.StringReader;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ReportTest {
    private static final String HOSTILE = "<script>alert(\"1\")</script>&'\u0000\u0001\u202E\uD800\n\t";

    @TempDir
    Path dir;

    private static QuantizationReport report(List<TensorRow> rows, Optional<ErrorFigures> error) {
        return new QuantizationReport(
                "quantize",
                HOSTILE,
                HOSTILE,
                Map.of(HOSTILE, HOSTILE),
                false,
                1.25,
                rows,
                new QuantizationReport.Totals(rows.size(), 1, 4000, 1000, 4000, 1000, error));
    }

    private static TensorRow row(String name, double sqnr, double rest) {
        return new TensorRow(
                name,
                Shape.of(2, 3),
                "F32",
                "int4",
                4000,
                1000,
                Optional.of(new ErrorFigures(sqnr, rest, rest, rest)),
                HOSTILE,
                Optional.empty());
    }

    private static List<TensorRow> extremes() {
        return List.of(
                row(HOSTILE, 30, 0.5),
                row("exact", Double.POSITIVE_INFINITY, 0),
                row("lost", Double.NEGATIVE_INFINITY, Double.POSITIVE_INFINITY),
                row("nan", Double.NaN, Double.NaN),
                row("long".repeat(100), -3, 1e-300),
                new TensorRow("copied", Shape.of(), "F32", "F32", 4, 4, Optional.empty(), "", Optional.empty()));
    }

    private static Document parse(String html) throws Exception {
        assertThat(html).startsWith("<!DOCTYPE html>");
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(html.substring("<!DOCTYPE html>".length()))));
    }

    @Test
    void thePageIsWellFormedWhateverTheNames() throws Exception {
        Document page = parse(ReportHtml.render(report(extremes(), Optional.of(new ErrorFigures(30, 1, 1, 1)))));
        assertThat(page.getElementsByTagName("script").getLength()).isZero();
        assertThat(page.getElementsByTagName("tr").getLength())
                .isEqualTo(extremes().size() + 1);
        assertThat(page.getElementsByTagName("svg").getLength()).isEqualTo(3);
        assertThat(page.getElementsByTagName("td").item(0).getTextContent())
                .startsWith("<script>alert(\"1\")</script>&'");
        for (String tag : List.of("rect", "line", "text")) {
            var elements = page.getElementsByTagName(tag);
            for (int i = 0; i < elements.getLength(); i++) {
                var attributes = elements.item(i).getAttributes();
                for (String name : List.of("x", "y", "width", "height", "x1", "x2")) {
                    var value = attributes.getNamedItem(name);
                    if (value != null) {
                        assertThat(Double.parseDouble(value.getNodeValue())).isFinite();
                    }
                }
            }
        }
    }

    @Test
    void thePageOfAModelWithoutTensors() throws Exception {
        parse(ReportHtml.render(report(List.of(), Optional.empty())));
    }

    @Test
    void jsonHasOnlyNumbersThatJsonHas() throws Exception {
        String text = ReportJson.render(report(extremes(), Optional.of(new ErrorFigures(Double.NaN, 1, 1, 1))));
        assertThat(text).doesNotContain("NaN").doesNotContain("Infinity").endsWith("}\n");
        JsonNode root = new ObjectMapper().readTree(text);
        assertThat(root.path("input").asText()).startsWith("<script>");
        assertThat(root.path("totals").path("sqnr_db").isNull()).isTrue();
        JsonNode tensors = root.path("tensors");
        assertThat(tensors.get(0).path("sqnr_db").asDouble()).isEqualTo(30);
        assertThat(tensors.get(0).path("shape").toString()).isEqualTo("[2,3]");
        assertThat(tensors.get(1).path("sqnr_db").isNull()).isTrue();
        assertThat(tensors.get(2).path("max_abs").isNull()).isTrue();
        assertThat(tensors.get(3).path("cosine").isNull()).isTrue();
        assertThat(tensors.get(5).has("sqnr_db")).isFalse();
        assertThat(tensors.get(5).has("reason")).isFalse();
    }

    @Test
    void aRunIsReportedAsItWent() throws Exception {
        Path in = Pipelines.folder(dir.resolve("in"));
        Path out = dir.resolve("out");
        try (var opened = Pipelines.open(in)) {
            var plan = QuantizationPlanner.plan(
                    opened.input(), opened.model(), Pipelines.request("mxfp4", Layout.COMPRESSED_TENSORS, out), out);
            var planned = QuantizationReport.planned("quantize", "in", plan, Map.of("scheme", "mxfp4"));
            assertThat(out).doesNotExist();
            var done = QuantizationReport.of(
                    "quantize",
                    "in",
                    plan,
                    Map.of("scheme", "mxfp4"),
                    ModelWriter.write(opened.model(), plan, threads(2)),
                    2);
            assertThat(done.totals().tensors()).isEqualTo(12);
            assertThat(done.totals().changed()).isEqualTo(6);
            assertThat(done.totals().bytesAfter()).isEqualTo(planned.totals().bytesAfter());
            long weights = (Pipelines.MANY_ROWS + 16 + 130 + 3) * 128L + 2 * 8 * 256;
            assertThat(done.totals().changedBytesBefore()).isEqualTo(4 * weights);
            assertThat(done.totals().changedBytesAfter()).isEqualTo(weights / 2 + weights / 32);
            assertThat(planned.totals().error()).isEmpty();
            assertThat(done.totals().error().orElseThrow().sqnrDb()).isBetween(17.0, 21.0);
            assertThat(planned.planned()).isTrue();
            parse(ReportHtml.render(done));
            parse(ReportHtml.render(planned));
            assertThat(new ObjectMapper()
                            .readTree(ReportJson.render(done))
                            .path("totals")
                            .path("changed")
                            .asInt())
                    .isEqualTo(6);
        }
    }
}
