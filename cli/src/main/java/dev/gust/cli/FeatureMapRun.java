package dev.gust.cli;

import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FeatureMap;
import dev.gust.runtime.featuremap.FeatureMapPlan;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.featuremap.MapName;
import dev.gust.runtime.featuremap.MapOptions;
import dev.gust.runtime.featuremap.MapWeight;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** {@code gust op feature-map}. */
final class FeatureMapRun {
    private FeatureMapRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        MapName name = MapName.byLabel(attributes.getOrDefault("map", ""));
        MapOptions options = options(name, attributes);
        TensorSource source = model.input().source();
        TensorInfo x = OpRun.input(model, "x");
        Arena memory = Arena.ofShared();
        try {
            boolean weighted = name.weights() != MapName.Weights.NONE;
            Optional<MapWeight> w = weighted ? weight(model, "w", memory) : Optional.empty();
            Optional<MapWeight> b = weighted ? weight(model, "b", memory) : Optional.empty();
            FeatureMap map = FeatureMap.of(source.location(), name, options, x.shape(), w, b);
            MemorySegment floats = OpRun.floats(source, x, memory);
            FiniteValues.require(source.location(), x.name(), floats);
            long[] dims = x.shape().dims();
            dims[dims.length - 1] = map.outputWidth();
            var info = new TensorInfo("y", DType.F32, Shape.of(dims));
            MemorySegment y = memory.allocate(Math.max(1, info.byteSize()), 64).asSlice(0, info.byteSize());
            try (FeatureMapPlan plan = map.prepare(device, threads)) {
                KernelTimes times = plan.run(floats, x.shape().elements() / map.width(), y);
                return new OpRun.Result(
                        name.label(), x.shape() + " to " + info.shape(), List.of(Tensor.view(info, y)), times, memory);
            }
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static Optional<MapWeight> weight(Models model, String name, Arena memory) {
        return OpRun.optional(model, name)
                .map(info -> new MapWeight(
                        name, info.shape(), OpRun.floats(model.input().source(), info, memory)));
    }

    private static MapOptions options(MapName name, Map<String, String> attributes) {
        if (name != MapName.DPFP) {
            OpRun.refuse(attributes, "map " + name.label(), "nu", "sign");
        }
        if (name != MapName.REBASED) {
            OpRun.refuse(attributes, "map " + name.label(), "layer-norm");
        }
        boolean negated = OpRun.choice(attributes, "sign", "paper", "negated").equals("negated");
        boolean layerNorm =
                OpRun.choice(attributes, "layer-norm", "true", "false").equals("true");
        return new MapOptions(OpRun.whole(attributes, "nu", MapOptions.DEFAULT.nu()), negated, layerNorm);
    }
}
