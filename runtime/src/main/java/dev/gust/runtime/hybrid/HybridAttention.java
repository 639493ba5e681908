package dev.gust.runtime.hybrid;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.tensor.Shape;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.featuremap.FiniteValues;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The operator: softmax attention and linear attention combined by a paper's rule. Rules are composed of
 * {@link SoftmaxAttention}, linear attention, feature maps and convolutions on the device; gathering, gating and mixing
 * between them is done on the host.
 *
 * @param rule by which rule
 * @param attributes what the rule is told
 */
public record HybridAttention(HybridRule rule, Map<String, String> attributes) {
    /** Its name in the catalog. */
    public static final String NAME = "hybrid-attention";

    /** Largest RMSE(reference − o) / RMS(reference): linear attention's. */
    public static final double TOLERANCE = 1e-3;

    /**
     * @throws UsageException if the rule does not have an attribute
     */
    public HybridAttention {
        attributes = Map.copyOf(attributes);
        for (String key : attributes.keySet()) {
            if (!rule.attributes().contains(key)) {
                throw new UsageException(
                        "rule " + rule.label() + " has no attribute '" + key + "'",
                        rule.attributes().isEmpty() ? "leave it out" : "set " + String.join(", ", rule.attributes()));
            }
        }
    }

    /** A rule as its paper has it. */
    public static HybridAttention of(HybridRule rule) {
        return new HybridAttention(rule, Map.of());
    }

    public HybridAttention withAttribute(String key, String value) {
        var more = new HashMap<>(attributes);
        more.put(key, value);
        return new HybridAttention(rule, more);
    }

    /**
     * The shape of the result.
     *
     * @param shapes of the rule's tensors
     * @throws InputException if those that it depends on are missing
     */
    public Shape output(Map<String, Shape> shapes) {
        if (rule == HybridRule.GAM) {
            return shapeOf(shapes, "x", 3);
        }
        Shape q = shapeOf(shapes, "q", 4);
        Shape v = shapeOf(shapes, "v", 4);
        long heads = q.dim(2);
        if (rule == HybridRule.MOM) {
            heads = v.dim(2) / Math.max(1, shapeOf(shapes, "k", 4).dim(2) / Math.max(1, q.dim(2)));
        }
        return Shape.of(q.dim(0), q.dim(1), heads, v.dim(3));
    }

    private static Shape shapeOf(Map<String, Shape> shapes, String name, int rank) {
        Shape shape = shapes.get(name);
        if (shape == null || shape.rank() != rank) {
            throw InputException.ofTensor(
                    NAME, name, shape == null ? "is missing" : "is " + shape, "give it " + rank + " dimensions");
        }
        return shape;
    }

    /**
     * Makes it ready on a device. Costly: keep the plan.
     *
     * @param shapes of all tensors that will be given, [B, T, ...] as in the largest call where there are tokens
     * @param weights values of those that belong to the model, float32; copied
     * @param sequences most sequences in one call
     * @param threads most threads of the device jvm, 0 for one to each processor
     * @param where what errors about tensors name: the file that they come from
     * @throws InputException if shapes do not fit together, or a weight is missing or not finite
     * @throws UsageException if an attribute's value is wrong
     * @throws DeviceException if the device cannot run it
     */
    public HybridPlan prepare(
            Device device,
            Map<String, Shape> shapes,
            Map<String, MemorySegment> weights,
            int sequences,
            int threads,
            String where) {
        for (HybridTensor tensor : rule.tensors()) {
            boolean given = shapes.containsKey(tensor.name());
            if (given ? tensor.weight() && !weights.containsKey(tensor.name()) : !tensor.optional()) {
                throw InputException.ofTensor(where, tensor.name(), "is missing", "rule " + rule.label() + " needs it");
            }
        }
        for (Map.Entry<String, MemorySegment> weight : weights.entrySet()) {
            Shape shape = shapes.get(weight.getKey());
            if (shape == null || weight.getValue().byteSize() != shape.elements() * Float.BYTES) {
                throw InputException.ofTensor(
                        where, weight.getKey(), "is " + weight.getValue().byteSize() + " bytes", "make it " + shape);
            }
            FiniteValues.require(where, weight.getKey(), weight.getValue());
        }
        Shape output = output(shapes);
        var setup = new HybridSetup(
                rule, attributes, device, threads, where, Map.copyOf(shapes), Map.copyOf(weights), sequences);
        HybridParts parts = switch (rule) {
            case LOLCATS -> new Lolcats(setup);
            case STILL -> new Still(setup);
            case LIGER -> new Liger(setup);
            case MOM -> new MixtureOfMemories(setup);
            case LINEAR_INFSA -> new InfiniteAttention(setup);
            case NATS_L -> new ChunkRouting(setup);
            case SEA -> new Sea(setup);
            case GAM -> new GatedBank(setup);
        };
        return new HybridPlan(setup, parts, output);
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                NAME,
                "softmax attention and linear attention combined by a paper's rule",
                "the rule's tensors; cu_seqlens I32 [N+1] (then B = 1)",
                "o [B,T,H,V]; gam: [B,T,C]",
                List.of(
                        new OperatorEntry.Attribute("rule", HybridRule.labels("|"), "the rule; must be given"),
                        new OperatorEntry.Attribute("window", "64", "lolcats, liger: tokens that softmax sees"),
                        new OperatorEntry.Attribute(
                                "terrace", "false|true", "lolcats: the window is the query's chunk and the one before"),
                        new OperatorEntry.Attribute("mix", "0.5", "liger: what softmax weighs"),
                        new OperatorEntry.Attribute("normalizer", "16", "liger: what gates are divided by"),
                        new OperatorEntry.Attribute(
                                "top",
                                "2",
                                "mom: memories of a token; still: chosen of a chunk (chunk/16); sea: keys (7)"),
                        new OperatorEntry.Attribute("shared", "false|true", "mom: a memory of all tokens, too"),
                        new OperatorEntry.Attribute("form", "linear|pure", "linear-infsa: which of its forms"),
                        new OperatorEntry.Attribute("rho", "1", "linear-infsa: what o is multiplied by"),
                        new OperatorEntry.Attribute("chunk", "64", "nats-l, still: tokens that are routed together")),
                Arrays.stream(HybridRule.values()).map(HybridAttention::variant).toList());
    }

    private static Variant variant(HybridRule rule) {
        return new Variant(
                rule.label(),
                "F32, F16, BF16",
                rule.tensors().stream()
                        .map(t -> t.name() + " " + t.shape() + (t.optional() ? "?" : ""))
                        .collect(Collectors.joining(", ")),
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
    }
}
