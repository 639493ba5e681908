package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.TensorFiles;
import dev.gust.runtime.Catalog;
import dev.gust.runtime.Devices;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.SupportTable;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.kernel.KernelTimes;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code gust op}. */
@Command(
        name = "op",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Runs one operator on the tensors of a file.")
final class OpCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Parameters(index = "0", arity = "0..1", paramLabel = "NAME", description = "The operator; --list names them.")
    @Nullable
    String name;

    @Option(names = "--in", paramLabel = "F", description = "The file that holds the inputs.")
    @Nullable
    String in;

    @Option(names = "--out", paramLabel = "F", description = "A .safetensors or .arrow file for the results.")
    @Nullable
    Path out;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "An attribute of the operator; may be given again.")
    Map<String, String> attributes = new LinkedHashMap<>();

    @Option(names = "--list", description = "Names the operators, their variants and where these run.")
    boolean list;

    @Option(names = "--markdown", description = "With --list: as the table that the README shows.")
    boolean markdown;

    @Option(names = "--verbose", description = "Say what was copied because the device could not use it in place.")
    boolean verbose;

    @Override
    public Integer call() {
        DeviceId id = common.deviceId();
        if (list) {
            common.out()
                    .print(
                            common.json
                                    ? catalogJson()
                                    : markdown ? SupportTable.markdown(Catalog.operators()) : catalogText());
            common.out().flush();
            return ExitCodes.DONE;
        }
        if (name == null || in == null || out == null) {
            throw new ParameterException(
                    common.spec.commandLine(), "op takes NAME --in F --out F, or --list to name the operators");
        }
        OperatorEntry operator = Catalog.find(name);
        requireKnown(operator);
        TensorFiles.requireKind(out);
        try (Models model = Models.open(in);
                Device device = Devices.open(id)) {
            OpRun.Result result = run(operator, model, device);
            try (result) {
                TensorFiles.write(out, result.outputs());
            }
            report(operator, device, result);
        }
        return ExitCodes.DONE;
    }

    /** Runs it; what it finds wrong is said of the file: operators name themselves and the tensor, not knowing of files. */
    private OpRun.Result run(OperatorEntry operator, Models model, Device device) {
        try {
            return switch (operator.name()) {
                case "matmul" -> MatmulRun.run(model, device, attributes, common.threads);
                case "lowrank-matmul" -> LowRankRun.run(model, device, attributes, common.threads);
                case "sparse-matmul" -> SparseRun.run(model, device, attributes, common.threads);
                case "lora" -> LoraRun.run(model, device, attributes, common.threads);
                case "monarch" -> MonarchRun.run(model, device, attributes, common.threads);
                case "cast" -> CastRun.run(model, device, attributes);
                case "linear-attention" -> AttentionRun.run(model, device, attributes);
                case "diagonal-rnn" -> DiagonalRun.run(model, device, attributes);
                case "feature-map" -> FeatureMapRun.run(model, device, attributes, common.threads);
                case "softmax-attention" -> SoftmaxRun.run(model, device, attributes, common.threads);
                case "hybrid-attention" -> HybridRun.run(model, device, attributes, common.threads);
                case "vision-attention" -> VisionRun.run(model, device, attributes, common.threads);
                case "causal-conv" -> CausalConvRun.run(model, device, attributes);
                case "norm" -> NormRun.run(model, device, attributes);
                case "embedding", "activation", "pooling" -> TokenRuns.run(operator.name(), model, device, attributes);
                case "gate" -> GateRun.run(model, device, attributes);
                case "gated-delta-layer" -> LayerRun.run(model, device, attributes);
                case "svd" -> SvdRun.run(model, device, attributes, common.threads);
                case "vq-logits" -> VqLogitsRun.run(model, device, attributes, common.threads);
                case "kmeans-assign" -> AssignRun.run(model, device, attributes, common.threads);
                case "codebook-attention" -> CodebookRun.run(model, device, attributes, common.threads);
                case "memory-layer" -> MemoryLayerRun.run(model, device, attributes, common.threads);
                default -> throw new IllegalStateException("no way to run " + operator.name());
            };
        } catch (InputException e) {
            String location = model.input().source().location();
            String message = String.valueOf(e.getMessage());
            throw message.contains(location) ? e : InputException.of(location, message, "", e);
        }
    }

    private void requireKnown(OperatorEntry operator) {
        List<String> known =
                operator.attributes().stream().map(OperatorEntry.Attribute::key).toList();
        for (String key : attributes.keySet()) {
            if (!known.contains(key)) {
                throw new UsageException(
                        "operator " + operator.name() + " has no attribute '" + key + "'",
                        "set " + String.join(", ", known));
            }
        }
    }

    private void report(OperatorEntry operator, Device device, OpRun.Result result) {
        KernelTimes times = result.times();
        if (common.json) {
            ObjectNode root = JsonNodeFactory.instance.objectNode();
            root.put("op", operator.name());
            root.put("device", device.id().toString());
            root.put("device_name", device.info().name());
            root.put("variant", result.variant());
            root.put("out", String.valueOf(out));
            ArrayNode outputs = root.putArray("outputs");
            result.outputs().forEach(t -> {
                ObjectNode node = outputs.addObject();
                node.put("name", t.name());
                node.put("dtype", t.dtype().name());
                ArrayNode shape = node.putArray("shape");
                for (long d : t.shape().dims()) {
                    shape.add(d);
                }
            });
            ObjectNode time = root.putObject("nanoseconds");
            time.put("kernel", times.kernel());
            time.put("transfer", times.transfer());
            time.put("compile", times.compile());
            time.put("total", times.total());
            ObjectNode copies = root.putObject("copies");
            copies.put("count", device.copies().count());
            copies.put("bytes", device.copies().bytes());
            common.out().print(root.toPrettyString() + "\n");
        } else if (!common.quiet) {
            common.out()
                    .println(String.format(
                            Locale.ROOT,
                            "%s (%s) on %s, %s: %s in %.3f ms",
                            operator.name(),
                            result.variant(),
                            device.id(),
                            OneLine.of(device.info().name()),
                            result.summary(),
                            times.total() / 1e6));
            if (times.kernel() > 0) {
                common.out()
                        .println(String.format(
                                Locale.ROOT,
                                "kernel %.3f ms, transfers %.3f ms, compilation %.3f ms",
                                times.kernel() / 1e6,
                                times.transfer() / 1e6,
                                times.compile() / 1e6));
            }
        }
        if (verbose) {
            common.err()
                    .println("gust: " + device.copies().count() + " copies in host memory, "
                            + Figures.bytes(device.copies().bytes()));
        }
    }

    private static String catalogText() {
        var text = new StringBuilder();
        for (OperatorEntry operator : Catalog.operators()) {
            text.append(operator.name()).append(": ").append(operator.summary()).append('\n');
            text.append("  in   ").append(operator.inputs()).append('\n');
            text.append("  out  ").append(operator.outputs()).append('\n');
            for (OperatorEntry.Attribute a : operator.attributes()) {
                text.append("  --set ")
                        .append(a.key())
                        .append('=')
                        .append(a.values())
                        .append("  ")
                        .append(a.meaning())
                        .append('\n');
            }
            for (Variant v : operator.variants()) {
                text.append("  ")
                        .append(v.name())
                        .append(v.shapes().isEmpty() ? "" : " (" + v.shapes() + ")")
                        .append(": ")
                        .append(String.join(
                                ", ",
                                v.support().entrySet().stream()
                                        .filter(e -> e.getValue().isValid())
                                        .map(e -> e.getKey().name().toLowerCase(Locale.ROOT))
                                        .sorted()
                                        .toList()))
                        .append('\n');
            }
        }
        return text.toString();
    }

    private static String catalogJson() {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        ArrayNode operators = root.putArray("operators");
        for (OperatorEntry operator : Catalog.operators()) {
            ObjectNode node = operators.addObject();
            node.put("name", operator.name());
            node.put("summary", operator.summary());
            node.put("inputs", operator.inputs());
            node.put("outputs", operator.outputs());
            ArrayNode attributes = node.putArray("attributes");
            for (OperatorEntry.Attribute a : operator.attributes()) {
                attributes
                        .addObject()
                        .put("key", a.key())
                        .put("values", a.values())
                        .put("meaning", a.meaning());
            }
            ArrayNode variants = node.putArray("variants");
            for (Variant v : operator.variants()) {
                ObjectNode variant = variants.addObject();
                variant.put("name", v.name());
                variant.put("dtypes", v.dtypes());
                variant.put("shapes", v.shapes());
                variant.put("tolerance", v.tolerance());
                ArrayNode forms = variant.putArray("forms");
                v.forms().forEach(forms::add);
                variant.put("gradient", v.gradient());
                ObjectNode devices = variant.putObject("devices");
                v.support().entrySet().stream()
                        .sorted(Map.Entry.comparingByKey())
                        .forEach(e -> {
                            ObjectNode device =
                                    devices.putObject(e.getKey().name().toLowerCase(Locale.ROOT));
                            device.put("valid", e.getValue().isValid());
                            if (e.getValue() instanceof Support.Invalid(var why)) {
                                device.put("reason", why);
                            }
                        });
            }
        }
        return root.toPrettyString() + "\n";
    }
}
