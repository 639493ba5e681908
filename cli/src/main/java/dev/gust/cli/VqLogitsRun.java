package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMethod;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.featuremap.FiniteValues;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import dev.gust.runtime.logits.HeadOptions;
import dev.gust.runtime.logits.HeadPlan;
import dev.gust.runtime.logits.VqHead;
import dev.gust.runtime.logits.VqLogits;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** {@code gust op vq-logits}. */
final class VqLogitsRun {
    private static final int TOP = 8;

    private VqLogitsRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        HeadOptions options = options(attributes, threads);
        int top = count(attributes, "top", TOP);
        if (!attributes.containsKey("head")) {
            return run(model, device, VqHead.read(model.input().source()), options, top);
        }
        // The results are in memory of their own: the head's file may be closed behind them.
        try (ModelInput head = ModelFiles.open(attributes.get("head"))) {
            return run(model, device, VqHead.read(head.source()), options, top);
        }
    }

    private static OpRun.Result run(Models model, Device device, VqHead head, HeadOptions options, int top) {
        TensorSource source = model.input().source();
        TensorInfo hidden = OpRun.input(model, "h");
        if (hidden.shape().rank() != 2 || hidden.shape().columns() != head.d()) {
            throw InputException.ofTensor(
                    source.location(),
                    hidden.name(),
                    "is " + hidden.shape() + ", which does not go with a head [" + head.v() + ", " + head.d() + "]",
                    "make it [M, " + head.d() + "]");
        }
        if (top < 1 || top > head.v()) {
            throw new UsageException(
                    "attribute top is " + top + " and the vocabulary has " + head.v() + " tokens",
                    "set top to 1 to " + head.v());
        }
        boolean clusters = head.method() == HeadMethod.KMEANS || head.method() == HeadMethod.SPHERICAL;
        if (clusters ? options.rerank() > 0 : options.probes() > 0) {
            throw new UsageException(
                    "a head of method '" + head.method().label() + "' has no use for "
                            + (clusters ? "rerank" : "probes"),
                    "set " + (clusters ? "probes" : "rerank"));
        }
        if (hidden.shape().dim(0) > Integer.MAX_VALUE / Math.max(top, head.d())) {
            throw InputException.ofTensor(
                    source.location(),
                    hidden.name(),
                    "has " + hidden.shape().dim(0) + " rows",
                    "cut it into smaller parts");
        }
        int m = (int) hidden.shape().dim(0);
        Arena memory = Arena.ofShared();
        try (HeadPlan plan = VqLogits.prepare(device, head, options)) {
            MemorySegment h = OpRun.floats(source, hidden, memory);
            FiniteValues.require(source.location(), hidden.name(), h); // a head would name its own file
            var idInfo = new TensorInfo("ids", DType.I32, Shape.of(m, top));
            var logitInfo = new TensorInfo("logits", DType.F32, Shape.of(m, top));
            MemorySegment ids = OpRun.room(idInfo, memory);
            MemorySegment logits = OpRun.room(logitInfo, memory);
            KernelTimes times = plan.top(h, m, top, ids, logits);
            return new OpRun.Result(
                    VqLogits.variantOf(head, options),
                    m + " hidden states by a head [" + head.v() + ", " + head.d() + "]",
                    List.of(Tensor.view(idInfo, ids), Tensor.view(logitInfo, logits)),
                    times,
                    memory);
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private static HeadOptions options(Map<String, String> attributes, int threads) {
        boolean exact = OpRun.choice(attributes, "exact", "false", "true").equals("true");
        boolean codebook = OpRun.choice(attributes, "codebook", "false", "true").equals("true");
        if (exact && codebook) {
            throw new UsageException("exact and codebook exclude one another", "set one of them");
        }
        HeadOptions options = HeadOptions.DEFAULT
                .with(
                        exact
                                ? HeadOptions.Search.EXACT
                                : codebook ? HeadOptions.Search.CODEBOOK : HeadOptions.Search.SCREEN)
                .withRerank(count(attributes, "rerank", 0))
                .withProbes(count(attributes, "probes", 0))
                .withSpecial(special(attributes.getOrDefault("special", "")))
                .withThreads(threads);
        return switch (OpRun.choice(attributes, "kernels", "auto", "portable", "tuned")) {
            case "portable" -> options.withStyle(KernelStyle.PORTABLE);
            case "tuned" -> options.withStyle(KernelStyle.TUNED);
            default -> options;
        };
    }

    private static int count(Map<String, String> attributes, String key, int otherwise) {
        double number = OpRun.number(attributes, key, otherwise);
        if (number < 0 || number > Integer.MAX_VALUE || number != Math.rint(number)) {
            throw new UsageException(
                    "attribute " + key + " is '" + attributes.get(key) + "'", "set a whole number from 1");
        }
        return (int) number;
    }

    private static List<Integer> special(String ids) {
        try {
            return ids.isBlank()
                    ? List.of()
                    : Arrays.stream(ids.split(",", -1))
                            .map(id -> Integer.valueOf(id.strip()))
                            .toList();
        } catch (NumberFormatException e) {
            throw new UsageException("attribute special is '" + ids + "'", "set ids of tokens with commas between");
        }
    }
}
