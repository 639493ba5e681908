package dev.gust.cli;

import dev.gust.formats.layout.Layout;
import dev.gust.formats.scheme.ScaleRule;
import dev.gust.quantization.pipeline.MemoryBudget;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.QuantizationPlanner;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorSelection;
import dev.gust.quantization.report.QuantizationReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** {@code gust quantize}. */
@Command(
        name = "quantize",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "Quantizes a model's two-dimensional weights; embeddings, norms, biases and the output head are copied.",
            "IN: a Hugging Face folder, .safetensors, .gguf, .onnx, .arrow, or maven:GROUP:ARTIFACT:VERSION!/path.",
            "OUT: a folder, .safetensors, .gguf or .arrow."
        })
final class QuantizeCommand implements Callable<Integer> {
    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    WritingOptions writing = new WritingOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT")
    Path out = Path.of("");

    @Option(
            names = "--scheme",
            required = true,
            paramLabel = "S",
            completionCandidates = SchemeNames.class,
            description = "One of ${COMPLETION-CANDIDATES}. With a .gguf OUT, one of the block types.")
    String scheme = "";

    @Option(
            names = "--scale-rule",
            paramLabel = "R",
            description = "Scales of the mx schemes: floor, even, ceil, rceil or mse (default: even).")
    @Nullable
    ScaleRule scaleRule;

    @Option(
            names = "--layout",
            paramLabel = "L",
            description = "compressed-tensors, modelopt or gpt-oss (default: compressed-tensors).")
    @Nullable
    String layout;

    @Option(names = "--include", paramLabel = "GLOB", description = "Quantize tensors of that name too.")
    List<String> include = new ArrayList<>();

    @Option(names = "--exclude", paramLabel = "GLOB", description = "Leave tensors of that name as they are.")
    List<String> exclude = new ArrayList<>();

    @Option(names = "--plan", description = "Say what would happen, write nothing.")
    boolean plan;

    @Option(names = "--report", paramLabel = "FILE", description = "Write a report: .html with plots, or .json.")
    @Nullable
    Path report;

    @Option(
            names = "--max-memory",
            paramLabel = "SIZE",
            description = "Most memory for buffers, such as 512MB (default: what the threads need).")
    @Nullable
    String maxMemory;

    @Option(names = "--verbose", description = "List the tensors that are only copied, too.")
    boolean verbose;

    @Override
    public Integer call() {
        common.check();
        if (plan && report != null) {
            throw new ParameterException(
                    common.spec.commandLine(), "--plan writes nothing, not even a report: use --json instead");
        }
        Optional<ReportFile> reportFile = Optional.ofNullable(report).map(r -> ReportFile.of(r, common));
        QuantizationRequest request = QuantizationRequest.of(
                scheme.toLowerCase(Locale.ROOT),
                Optional.ofNullable(scaleRule),
                Optional.ofNullable(layout).map(this::layoutOf),
                new TensorSelection(include, exclude),
                out);
        Optional<Long> limit = Optional.ofNullable(maxMemory).map(m -> Sizes.parse(m, common));
        try (Models model = Models.open(in)) {
            OutputPlan output = QuantizationPlanner.plan(model.input(), model.logical(), request, out);
            if (plan) {
                ReportPrinter.print(
                        QuantizationReport.planned("quantize", in, output, settings(request)), common, verbose);
                return ExitCodes.DONE;
            }
            RunOptions run = writing.run(common);
            if (limit.isPresent()) {
                run = MemoryBudget.limit(run, output, model.logical().source().location(), limit.get());
            }
            common.interruption().watch();
            long start = System.nanoTime();
            var outcomes = ModelWriter.write(model.logical(), output, run);
            double seconds = (System.nanoTime() - start) / 1e9;
            var result = QuantizationReport.of("quantize", in, output, settings(request), outcomes, seconds);
            reportFile.ifPresent(r -> r.write(result));
            ReportPrinter.print(result, common, verbose);
        }
        return ExitCodes.DONE;
    }

    private Layout layoutOf(String name) {
        return Layout.byLabel(name.toLowerCase(Locale.ROOT))
                .filter(l -> l != Layout.DEEPSEEK)
                .orElseThrow(() -> new ParameterException(
                        common.spec.commandLine(),
                        "there is no layout '" + name + "': choose compressed-tensors, modelopt or gpt-oss"));
    }

    private Map<String, String> settings(QuantizationRequest request) {
        var settings = new LinkedHashMap<String, String>();
        settings.put("scheme", request.aim().label());
        if (request.aim() instanceof QuantizationRequest.Aim.Parts(var parts, var rule, var chosen)) {
            if (parts.isMicroscaled()) {
                settings.put("scale-rule", rule.name().toLowerCase(Locale.ROOT));
            }
            settings.put("layout", chosen.label());
        }
        if (!include.isEmpty()) {
            settings.put("include", String.join(" ", include));
        }
        if (!exclude.isEmpty()) {
            settings.put("exclude", String.join(" ", exclude));
        }
        settings.put("device", "jvm");
        settings.put("threads", String.valueOf(common.threads));
        return settings;
    }

    /** The schemes, for the help text. */
    static final class SchemeNames extends ArrayList<String> {
        private static final long serialVersionUID = 1L;

        SchemeNames() {
            super(QuantizationRequest.schemes());
        }
    }
}
