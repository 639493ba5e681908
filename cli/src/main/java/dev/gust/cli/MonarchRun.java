package dev.gust.cli;

import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.Tensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.lowrank.MonarchMatmul;
import dev.gust.runtime.lowrank.MonarchWeight;
import dev.gust.runtime.matmul.MatmulPlan;
import java.lang.foreign.Arena;
import java.util.Map;

/** {@code gust op monarch}. */
final class MonarchRun {
    private MonarchRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        TensorSource source = model.input().source();
        Arena memory = Arena.ofShared();
        try (Tensor l = source.open(OpRun.input(model, "l").name());
                Tensor r = source.open(OpRun.input(model, "r").name())) {
            MonarchWeight weight = MonarchWeight.of(l, r);
            try (MatmulPlan plan = MonarchMatmul.prepare(device, weight, TokenRun.options(attributes, threads))) {
                return TokenRun.run(
                        model,
                        MonarchMatmul.variantOf(weight),
                        "blocks " + l.shape() + " and " + r.shape(),
                        weight.inFeatures(),
                        weight.outFeatures(),
                        memory,
                        plan::multiply);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }
}
