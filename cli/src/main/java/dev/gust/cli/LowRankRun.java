package dev.gust.cli;

import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.FactoredWeight;
import dev.gust.runtime.lowrank.LowRankMatmul;
import dev.gust.runtime.matmul.MatmulPlan;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;

/** {@code gust op lowrank-matmul}. */
final class LowRankRun {
    private LowRankRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        FactoredWeight weight = weight(model, (float) OpRun.number(attributes, "scale", 1));
        long m = weight.outFeatures();
        long n = weight.inFeatures();
        Arena memory = Arena.ofShared();
        try (MatmulPlan plan = LowRankMatmul.prepare(device, weight, TokenRun.options(attributes, threads))) {
            return TokenRun.run(
                    model,
                    LowRankMatmul.variantOf(weight),
                    "[" + m + ", " + weight.rank() + "] [" + weight.rank() + ", " + n + "]"
                            + (weight.base().isPresent() ? " and [" + m + ", " + n + "]" : ""),
                    n,
                    m,
                    memory,
                    plan::multiply);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    /** Factors as {@code gust lowrank} stores them, or tensors a, b and weight. */
    private static FactoredWeight weight(Models model, float scale) {
        List<LogicalTensor> stored = model.logical().tensors().stream()
                .filter(t -> t.encoding() instanceof TensorEncoding.LowRank)
                .toList();
        if (stored.size() == 1) {
            FactoredWeight weight =
                    FactoredWeight.load(model.logical(), stored.getFirst().name());
            return new FactoredWeight(weight.a(), weight.b(), weight.base(), scale);
        }
        return new FactoredWeight(
                TokenRun.matrix(model, "a"), TokenRun.matrix(model, "b"), TokenRun.weight(model, "a", "b"), scale);
    }
}
