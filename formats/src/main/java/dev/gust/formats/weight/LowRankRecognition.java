package dev.gust.formats.weight;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Finds the tensors that are factors of one weight, after those of quantized weights have been found. */
final class LowRankRecognition {
    private LowRankRecognition() {}

    /**
     * Puts factors and their residual together, at A's place in the order.
     *
     * @param tensors the model's tensors by name
     * @param metadata the file's
     */
    static Map<String, LogicalTensor> joined(Map<String, LogicalTensor> tensors, Map<String, String> metadata) {
        var weights = new LinkedHashMap<String, LogicalTensor>();
        var taken = new LinkedHashMap<String, LogicalTensor>();
        for (LogicalTensor lead : tensors.values()) {
            weightLedBy(lead, tensors, metadata).ifPresent(weight -> {
                weights.put(lead.name(), weight);
                ((TensorEncoding.LowRank) weight.encoding()).weight().tensors().forEach(t -> taken.put(t.name(), t));
            });
        }
        var joined = new LinkedHashMap<String, LogicalTensor>();
        for (LogicalTensor tensor : tensors.values()) {
            LogicalTensor weight = weights.get(tensor.name());
            if (weight != null) {
                joined.put(weight.name(), weight);
            } else if (!taken.containsKey(tensor.name())) {
                joined.put(tensor.name(), tensor);
            }
        }
        return joined;
    }

    private static Optional<LogicalTensor> weightLedBy(
            LogicalTensor a, Map<String, LogicalTensor> tensors, Map<String, String> metadata) {
        Optional<String> layer = layerOfA(a.name());
        if (layer.isEmpty()) {
            return Optional.empty();
        }
        String name = metadata.getOrDefault(LowRankWeight.NAME_KEY + layer.get(), layer.get() + ".weight");
        Optional<LogicalTensor> b = Optional.ofNullable(tensors.get(layer.get() + LowRankWeight.B_SUFFIX))
                .or(() -> Optional.ofNullable(tensors.get(layer.get() + LowRankWeight.B_SUFFIX + ".weight")))
                .filter(found -> LowRankWeight.fit(a.shape(), found.shape()));
        Optional<LogicalTensor> residual = Optional.ofNullable(tensors.get(name));
        if (b.isEmpty()
                || (residual.isPresent()
                        && (residual.get().shape().rank() != 2
                                || residual.get().shape().dim(0) != a.shape().dim(0)
                                || residual.get().shape().dim(1)
                                        != b.get().shape().dim(1)))) {
            return Optional.empty(); // what the tensor under the weight's name is to the factors is unknown
        }
        var weight = new LowRankWeight(layer.get(), a, b.get(), residual);
        return Optional.of(new LogicalTensor(
                name,
                weight.shape(),
                new TensorEncoding.LowRank(weight),
                weight.tensors().stream().flatMap(t -> t.stored().stream()).toList()));
    }

    /** Factors are plain under their own name, or a layer's weight of that name: {@code LAYER.lowrank_a.weight}. */
    private static Optional<String> layerOfA(String name) {
        return Stream.of(LowRankWeight.A_SUFFIX, LowRankWeight.A_SUFFIX + ".weight")
                .filter(end -> name.endsWith(end) && name.length() > end.length())
                .map(end -> name.substring(0, name.length() - end.length()))
                .findFirst();
    }
}
