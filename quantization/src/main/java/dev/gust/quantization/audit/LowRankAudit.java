package dev.gust.quantization.audit;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.layout.LowRankConfig;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.audit.ModelAudit.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** Whether the factors in a model are those that its configuration speaks of. */
final class LowRankAudit {
    private LowRankAudit() {}

    /** Whether the model has factors, or is said to have some. */
    static boolean applies(LogicalModel model, Optional<ObjectNode> config) {
        return weights(model).findAny().isPresent()
                || config.map(c -> c.has(LowRankConfig.KEY)).orElse(false);
    }

    private static Stream<LowRankWeight> weights(LogicalModel model) {
        return model.tensors().stream()
                .flatMap(t -> t.encoding() instanceof TensorEncoding.LowRank(var weight)
                        ? Stream.of(weight)
                        : Stream.empty());
    }

    /** The tensors whose scales a weight has: its factors and residual, or itself. */
    static List<LogicalTensor> parts(LogicalTensor tensor) {
        return tensor.encoding() instanceof TensorEncoding.LowRank(var weight) ? weight.tensors() : List.of(tensor);
    }

    static List<Finding> of(LogicalModel model, Optional<ObjectNode> config) {
        var findings = new ArrayList<Finding>();
        if (config.isEmpty()) {
            if (model.source().format().equals("huggingface")) {
                findings.add(new Finding("", "has no config.json, so an engine takes its factors for unknown tensors"));
            }
            return findings; // a file of its own has none
        }
        weights(model)
                .forEach(weight -> LowRankConfig.contradiction(config.get(), weight.layer(), weight.rank())
                        .ifPresent(said -> findings.add(new Finding(
                                weight.layer(),
                                "has factors of rank " + weight.rank() + ", but config.json says " + said))));
        for (String layer : LowRankConfig.layers(config.get())) {
            if (model.lowRank(layer).isEmpty()
                    && weights(model).noneMatch(w -> w.layer().equals(layer))) {
                findings.add(
                        new Finding(layer, "config.json says that it has factors, but they are missing or do not fit"));
            }
        }
        return findings;
    }
}
