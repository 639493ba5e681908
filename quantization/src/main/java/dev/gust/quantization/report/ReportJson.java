package dev.gust.quantization.report;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Optional;

/** Reports as JSON: the keys are part of the command line's contract. */
public final class ReportJson {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

    private ReportJson() {}

    /** One document, indented, ending in a line break. */
    public static String render(QuantizationReport report) {
        return of(report).toPrettyString() + "\n";
    }

    /** As a tree, for embedding. */
    public static ObjectNode of(QuantizationReport report) {
        ObjectNode root = NODES.objectNode();
        root.put("verb", report.verb());
        root.put("input", report.input());
        root.put("output", report.output());
        root.set("settings", JSON.valueToTree(report.settings()));
        root.put("planned", report.planned());
        root.put("seconds", report.seconds());
        ArrayNode tensors = root.putArray("tensors");
        for (TensorRow row : report.tensors()) {
            ObjectNode node = tensors.addObject();
            node.put("name", row.name());
            ArrayNode shape = node.putArray("shape");
            for (long d : row.shape().dims()) {
                shape.add(d);
            }
            node.put("from", row.from());
            node.put("to", row.to());
            node.put("bytes_before", row.bytesBefore());
            node.put("bytes_after", row.bytesAfter());
            addError(node, row.error());
            row.lowRank().ifPresent(figures -> addLowRank(node, figures));
            if (!row.reason().isEmpty()) {
                node.put("reason", row.reason());
            }
        }
        QuantizationReport.Totals totals = report.totals();
        ObjectNode sums = root.putObject("totals");
        sums.put("tensors", totals.tensors());
        sums.put("changed", totals.changed());
        sums.put("bytes_before", totals.bytesBefore());
        sums.put("bytes_after", totals.bytesAfter());
        sums.put("changed_bytes_before", totals.changedBytesBefore());
        sums.put("changed_bytes_after", totals.changedBytesAfter());
        addError(sums, totals.error());
        return root;
    }

    /** Adds sqnr_db, mse, max_abs and cosine; what is infinite or NaN is null, as JSON has no such numbers. */
    public static void addError(ObjectNode node, Optional<ErrorFigures> error) {
        error.ifPresent(e -> {
            put(node, "sqnr_db", e.sqnrDb());
            put(node, "mse", e.mse());
            put(node, "max_abs", e.maxAbs());
            put(node, "cosine", e.cosine());
        });
    }

    private static void addLowRank(ObjectNode node, LowRankFigures figures) {
        node.put("rank", figures.rank());
        put(node, "energy", figures.energy());
        put(node, "weight_error", figures.weightError());
        figures.outputError().ifPresent(e -> put(node, "output_error", e));
        node.put("parameters_before", figures.parametersBefore());
        node.put("parameters_after", figures.parametersAfter());
    }

    private static void put(ObjectNode node, String key, double value) {
        if (Double.isFinite(value)) {
            node.put(key, value);
        } else {
            node.putNull(key);
        }
    }
}
