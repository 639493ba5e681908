package dev.gust.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.gust.formats.model.ModelInput;
import dev.gust.quantization.evaluation.EmbeddingComparison;
import dev.gust.quantization.evaluation.SentenceCosine;
import dev.gust.quantization.pipeline.Progress;
import dev.gust.quantization.text.TextLines;
import dev.gust.quantization.text.TextTokenizer;
import dev.gust.quantization.text.TokenBatches;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.encoder.Encoder;
import dev.gust.runtime.encoder.EncoderOptions;
import dev.gust.runtime.layer.Pooling;
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

/** {@code gust evaluate}. */
@Command(
        name = "evaluate",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = "Compares the sentence embeddings of two text encoders. A is the reference.")
final class EvaluateCommand implements Callable<Integer> {
    private static final List<Integer> PERCENTILES = List.of(1, 5, 25, 50, 75, 95);

    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    TextOptions text = new TextOptions();

    @Parameters(index = "0", paramLabel = "A", description = "An encoder of BERT's kind.")
    String a = "";

    @Parameters(index = "1", paramLabel = "B", description = "What was made of it.")
    String b = "";

    @Option(
            names = "--pooling",
            paramLabel = "P",
            defaultValue = "mean",
            description = "What becomes of a sentence's tokens: mean or first (default: mean).")
    String pooling = "mean";

    @Option(
            names = "--worst",
            paramLabel = "N",
            description = "Of the sentences, show the N with the least similarity only.")
    @Nullable
    Integer worst;

    @Option(
            names = "--min-cosine",
            paramLabel = "C",
            description = "Exit with 5 unless every sentence's similarity is at least that.")
    @Nullable
    Double minCosine;

    @Override
    public Integer call() {
        EncoderOptions options = text.encoder(common, kind());
        if ((worst != null && worst < 0) || (minCosine != null && !(minCosine >= -1 && minCosine <= 1))) {
            throw new ParameterException(
                    common.spec.commandLine(),
                    "--worst takes a number of 0 or more, and --min-cosine a number of -1 to 1");
        }
        try (TextLines lines = TextLines.open(text.text);
                Models first = Models.open(a);
                Models second = Models.open(b);
                Device device = Devices.open(common.deviceId());
                Encoder one =
                        Encoder.load(device, first.logical(), first.input().config(), options);
                Encoder other =
                        Encoder.load(device, second.logical(), second.input().config(), options);
                TextTokenizer tokenizer = text.tokenizer(inputs(first, second), one)) {
            var batches = new TokenBatches(lines, tokenizer, one.tokens(), text.maxTokens);
            Progress progress = common.progress();
            progress.begin("evaluate", lines.byteSize());
            EmbeddingComparison result;
            try {
                result = EmbeddingComparison.of(one, other, batches, progress);
            } finally {
                progress.end();
            }
            if (common.json) {
                common.out().print(json(device, batches, result));
            } else if (!common.quiet) {
                print(device, batches, result);
            }
            return minCosine == null ? ExitCodes.DONE : judge(result, minCosine);
        }
    }

    private Pooling.Kind kind() {
        return switch (pooling) {
            case "mean" -> Pooling.Kind.MEAN;
            case "first" -> Pooling.Kind.FIRST;
            default ->
                throw new ParameterException(
                        common.spec.commandLine(), "--pooling takes mean or first, not '" + pooling + "'");
        };
    }

    private Map<String, ModelInput> inputs(Models first, Models second) {
        var inputs = new LinkedHashMap<String, ModelInput>();
        inputs.put(a, first.input());
        inputs.putIfAbsent(b, second.input());
        return inputs;
    }

    private int judge(EmbeddingComparison result, double floor) {
        SentenceCosine least = result.worst(1).getFirst();
        if (least.cosine() >= floor) {
            return ExitCodes.DONE;
        }
        common.err()
                .println("gust: "
                        + OneLine.of(b + ": line " + least.line() + " has a similarity of " + cosine(least.cosine())
                                + ", below --min-cosine " + floor));
        return ExitCodes.CHECK;
    }

    private List<SentenceCosine> shown(EmbeddingComparison result) {
        return worst == null ? result.sentences() : result.worst(worst);
    }

    private void print(Device device, TokenBatches batches, EmbeddingComparison result) {
        var table = new TextTable(">line", ">tokens", ">cosine", "text");
        for (SentenceCosine s : shown(result)) {
            table.row(
                    String.valueOf(s.line()),
                    String.valueOf(s.tokens()),
                    cosine(s.cosine()),
                    OneLine.of(s.beginning()));
        }
        table.row("", "", cosine(result.mean()), "mean");
        table.row("", "", cosine(result.min()), "min");
        for (int p : PERCENTILES) {
            table.row("", "", cosine(result.percentile(p)), p + " % of the lines have this or less");
        }
        table.print(common.out());
        common.out()
                .println(OneLine.of(TextOptions.summary(batches.lines(), batches.tokens(), batches.truncated()) + " on "
                        + device.id()));
    }

    private static String cosine(double value) {
        return String.format(Locale.ROOT, "%.6f", value);
    }

    private String json(Device device, TokenBatches batches, EmbeddingComparison result) {
        ObjectNode root = JsonNodeFactory.instance.objectNode();
        root.put("a", a);
        root.put("b", b);
        root.put("device", device.id().toString());
        root.put("lines", batches.lines());
        root.put("tokens", batches.tokens());
        root.put("truncated", batches.truncated());
        ArrayNode sentences = root.putArray("sentences");
        for (SentenceCosine s : shown(result)) {
            sentences
                    .addObject()
                    .put("line", s.line())
                    .put("tokens", s.tokens())
                    .put("cosine", s.cosine());
        }
        ObjectNode overall = root.putObject("overall");
        overall.put("mean", result.mean());
        overall.put("min", result.min());
        for (int p : PERCENTILES) {
            overall.put("p" + p, result.percentile(p));
        }
        return root.toPrettyString() + "\n";
    }
}
