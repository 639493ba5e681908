package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.quantization.audit.ModelComparison;
import dev.gust.quantization.report.ErrorFigures;
import dev.gust.quantization.report.ReportJson;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code gust compare}. */
@Command(
        name = "compare",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Compares the values of two models, per tensor and overall. A is the reference.")
final class CompareCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "A")
    String a = "";

    @Parameters(index = "1", paramLabel = "B")
    String b = "";

    @Option(
            names = "--min-sqnr",
            paramLabel = "DB",
            description = "Exit with 5 unless every tensor's SQNR is at least that.")
    @Nullable
    Double minSqnr;

    @Override
    public Integer call() {
        common.check();
        if (minSqnr != null && minSqnr.isNaN()) {
            throw new ParameterException(common.spec.commandLine(), "--min-sqnr takes a number of decibels, not NaN");
        }
        try (Models first = Models.open(a);
                Models second = Models.open(b)) {
            var result = ModelComparison.of(first.logical(), second.logical(), common.threads, common.progress());
            if (common.json) {
                common.out().print(json(result));
            } else if (!common.quiet) {
                print(result);
            }
            return minSqnr == null ? ExitCodes.DONE : judge(result, minSqnr);
        }
    }

    private int judge(ModelComparison result, double floor) {
        // Written so that a ratio of NaN fails, too.
        List<ModelComparison.Row> below = result.tensors().stream()
                .filter(r -> !(r.error().sqnrDb() >= floor))
                .toList();
        if (below.isEmpty() && result.onlyInReference().isEmpty()) {
            return ExitCodes.DONE;
        }
        String problem = below.isEmpty()
                ? "tensor '" + result.onlyInReference().getFirst() + "' is missing"
                : "tensor '" + below.getFirst().name() + "' has "
                        + Figures.decibels(below.getFirst().error().sqnrDb()) + " dB, below --min-sqnr " + floor
                        + (below.size() > 1 ? ", and " + (below.size() - 1) + " more" : "");
        common.err().println("gust: " + OneLine.of(b + ": " + problem));
        return ExitCodes.CHECK;
    }

    private void print(ModelComparison result) {
        var table = new TextTable("tensor", "A", "B", ">SQNR dB", ">MSE", ">max abs", ">cosine");
        for (ModelComparison.Row row : result.tensors()) {
            row(table, row.name(), row.referenceEncoding(), row.otherEncoding(), ErrorFigures.of(row.error()));
        }
        row(table, "overall", "", "", ErrorFigures.of(result.overall()));
        table.print(common.out());
        if (!result.onlyInReference().isEmpty()) {
            common.out().println(OneLine.of("only in A: " + String.join(", ", result.onlyInReference())));
        }
        if (!result.onlyInOther().isEmpty()) {
            common.out().println(OneLine.of("only in B: " + String.join(", ", result.onlyInOther())));
        }
    }

    private static void row(TextTable table, String name, String from, String to, ErrorFigures e) {
        table.row(
                name,
                from,
                to,
                Figures.decibels(e.sqnrDb()),
                Figures.scientific(e.mse()),
                Figures.scientific(e.maxAbs()),
                String.format(Locale.ROOT, "%.6f", e.cosine()));
    }

    private String json(ModelComparison result) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("a", a);
        root.put("b", b);
        ArrayNode tensors = root.putArray("tensors");
        for (ModelComparison.Row row : result.tensors()) {
            ObjectNode node = tensors.addObject();
            node.put("name", row.name());
            node.put("a", row.referenceEncoding());
            node.put("b", row.otherEncoding());
            ReportJson.addError(node, Optional.of(ErrorFigures.of(row.error())));
        }
        ReportJson.addError(root.putObject("overall"), Optional.of(ErrorFigures.of(result.overall())));
        ArrayNode onlyInA = root.putArray("only_in_a");
        result.onlyInReference().forEach(onlyInA::add);
        ArrayNode onlyInB = root.putArray("only_in_b");
        result.onlyInOther().forEach(onlyInB::add);
        return root.toPrettyString() + "\n";
    }
}
