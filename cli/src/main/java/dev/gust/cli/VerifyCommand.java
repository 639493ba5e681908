package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.quantization.audit.ModelAudit;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code gust verify}. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Audits a quantized model: shapes, scales finite and not zero, packing, configuration. Exits with"
                + " 5 if anything is wrong.")
final class VerifyCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Override
    public Integer call() {
        common.check();
        try (Models model = Models.open(in)) {
            List<ModelAudit.Finding> findings =
                    ModelAudit.of(model.logical(), model.input().config(), common.threads, common.progress());
            long weights = model.logical().tensors().stream()
                    .filter(t -> t.isQuantized())
                    .count();
            if (common.json) {
                common.out().print(json(model, findings, weights));
            } else if (!common.quiet) {
                for (ModelAudit.Finding finding : findings) {
                    String where = finding.tensor().isEmpty() ? in : finding.tensor();
                    common.out().println(OneLine.of(where + ": " + finding.problem()));
                }
                common.out()
                        .println(OneLine.of(in) + ": " + weights + " quantized weights ("
                                + String.join(", ", model.logical().quantizations()) + "), "
                                + (findings.isEmpty() ? "sound" : findings.size() + " problems"));
            }
            if (findings.isEmpty()) {
                return ExitCodes.DONE;
            }
            var first = findings.getFirst();
            common.err()
                    .println("gust: "
                            + OneLine.of(in + ": "
                                    + (first.tensor().isEmpty() ? "" : "tensor '" + first.tensor() + "': ")
                                    + first.problem())
                            + (findings.size() > 1 ? ", and " + (findings.size() - 1) + " more" : "")
                            + "; quantize the original model again");
            return ExitCodes.CHECK;
        }
    }

    private String json(Models model, List<ModelAudit.Finding> findings, long weights) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("input", in);
        root.put("sound", findings.isEmpty());
        root.put("quantized", weights);
        ArrayNode schemes = root.putArray("schemes");
        model.logical().quantizations().forEach(schemes::add);
        ArrayNode problems = root.putArray("findings");
        for (ModelAudit.Finding finding : findings) {
            ObjectNode node = problems.addObject();
            node.put("tensor", finding.tensor());
            node.put("problem", finding.problem());
        }
        return root.toPrettyString() + "\n";
    }
}
