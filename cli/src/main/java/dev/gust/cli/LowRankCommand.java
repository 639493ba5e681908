package dev.gust.cli;

import dev.gust.formats.UsageException;
import dev.gust.formats.layout.QuantizationConfig;
import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.DenseAlgebra;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.quantization.pipeline.FactorizeTask;
import dev.gust.quantization.pipeline.LowRankMeasurement;
import dev.gust.quantization.pipeline.LowRankPlanner;
import dev.gust.quantization.pipeline.LowRankRequest;
import dev.gust.quantization.pipeline.ModelWriter;
import dev.gust.quantization.pipeline.OutputPlan;
import dev.gust.quantization.pipeline.QuantizationRequest;
import dev.gust.quantization.pipeline.RankChoice;
import dev.gust.quantization.pipeline.RunOptions;
import dev.gust.quantization.pipeline.TensorSelection;
import dev.gust.quantization.report.LowRankFigures;
import dev.gust.quantization.report.QuantizationReport;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code gust lowrank}. */
@Command(
        name = "lowrank",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        description = {
            "Stores a model's two-dimensional weights as products of two factors, W = A·B; embeddings, norms, biases and"
                    + " the output head are copied, and so are layers whose factors would not be smaller.",
            "IN and OUT are as for gust quantize. gust dequantize multiplies the factors again."
        })
final class LowRankCommand implements Callable<Integer> {
    /** Exactly one way to choose ranks. */
    static final class Choice {
        @Option(names = "--rank", paramLabel = "R", description = "The same rank for every layer.")
        @Nullable
        Integer rank;

        @Option(
                names = "--energy",
                paramLabel = "E",
                description = "As many directions as keep that share of the squared singular values, such as 0.95.")
        @Nullable
        Double energy;

        @Option(
                names = "--budget",
                paramLabel = "FRACTION",
                description = "Ranks so that all layers together take that share of what they take now.")
        @Nullable
        Double budget;
    }

    @Mixin
    CommonOptions common = new CommonOptions();

    @Mixin
    WritingOptions writing = new WritingOptions();

    @Parameters(index = "0", paramLabel = "IN")
    String in = "";

    @Parameters(index = "1", paramLabel = "OUT")
    Path out = Path.of("");

    @ArgGroup(multiplicity = "1")
    Choice choice = new Choice();

    @Option(
            names = "--budget-unit",
            paramLabel = "U",
            description = "What a budget counts: parameters or bytes (default: parameters).")
    RankChoice.Budget.Unit unit = RankChoice.Budget.Unit.PARAMETERS;

    @Option(
            names = "--method",
            paramLabel = "M",
            description = "svd, whitened, asvd or lord (default: svd); all but svd need a calibration.")
    String method = LowRankMethod.SVD.label();

    @Option(
            names = "--calibration",
            paramLabel = "FILE",
            description = "What gust calibrate wrote; with svd, to report the error of outputs.")
    @Nullable
    String calibration;

    @Option(names = "--scheme", paramLabel = "S", description = "Quantize the factors; schemes as for gust quantize.")
    @Nullable
    String scheme;

    @Option(
            names = "--residual",
            paramLabel = "S",
            description = "Store what the factors leave in that scheme, too: W = A·B + R.")
    @Nullable
    String residual;

    @Option(
            names = "--alpha",
            paramLabel = "A",
            description = "asvd's exponent of the inputs' sizes (default: ${DEFAULT-VALUE}).")
    double alpha = Factorization.USUAL_ALPHA;

    @Option(
            names = "--form",
            paramLabel = "F",
            description = "auto, exact or randomized singular values (default: auto).")
    SvdOptions.Form form = SvdOptions.Form.AUTO;

    @Option(names = "--include", paramLabel = "GLOB", description = "Decompose tensors of that name too.")
    List<String> include = new ArrayList<>();

    @Option(names = "--exclude", paramLabel = "GLOB", description = "Leave tensors of that name as they are.")
    List<String> exclude = new ArrayList<>();

    @Option(names = "--report", paramLabel = "FILE", description = "Write a report: .html with plots, or .json.")
    @Nullable
    Path report;

    @Option(names = "--verbose", description = "List the tensors that are only copied, too.")
    boolean verbose;

    @Override
    public Integer call() {
        DeviceId id = common.deviceId();
        Optional<ReportFile> reportFile = Optional.ofNullable(report).map(r -> ReportFile.of(r, common));
        LowRankRequest request = request();
        try (Models model = Models.open(in);
                Device device = Devices.open(id.equals(DeviceId.AUTO) ? DeviceId.JVM : id);
                Calibrations known = Calibrations.open(calibration)) {
            DenseAlgebra algebra = DenseAlgebra.best();
            var factorization = new Factorization(
                    request.method(),
                    alpha,
                    new Decomposer(device, algebra, SvdOptions.DEFAULT.withForm(form), common.threads));
            common.interruption().watch();
            long start = System.nanoTime();
            RunOptions run = writing.run(common);
            OutputPlan plan = LowRankPlanner.plan(
                    model.input(), model.logical(), request, factorization, known.calibration(), run, out);
            var outcomes = ModelWriter.write(model.logical(), plan, run);
            double seconds = (System.nanoTime() - start) / 1e9;
            var result = QuantizationReport.of(
                            "lowrank",
                            in,
                            plan,
                            settings(request, device.id().toString(), algebra.name()),
                            outcomes,
                            seconds)
                    .with(figures(model, plan));
            reportFile.ifPresent(r -> r.write(result));
            LowRankPrinter.print(result, common, verbose);
        }
        return ExitCodes.DONE;
    }

    /** The calibration, if one was named. */
    private record Calibrations(Optional<CalibrationFile> calibration) implements AutoCloseable {
        static Calibrations open(@Nullable String file) {
            return new Calibrations(Optional.ofNullable(file).map(CalibrationFile::open));
        }

        @Override
        public void close() {
            calibration.ifPresent(CalibrationFile::close);
        }
    }

    private LowRankRequest request() {
        LowRankMethod chosen = LowRankMethod.byLabel(method.toLowerCase(Locale.ROOT))
                .orElseThrow(() -> new UsageException(
                        "there is no method '" + method + "'", "choose svd, whitened, asvd or lord"));
        if (chosen.isCalibrated() && calibration == null) {
            throw new UsageException(
                    "the method " + chosen.label() + " needs to know the layers' inputs",
                    "give it what gust calibrate wrote with --calibration");
        }
        if (!(alpha >= 0 && alpha <= 4)) {
            throw new UsageException("--alpha is " + alpha, "choose an exponent from 0 to 4");
        }
        if (alpha != Factorization.USUAL_ALPHA && chosen != LowRankMethod.ASVD) {
            throw new UsageException("the method " + chosen.label() + " has no use for --alpha", "that is for asvd");
        }
        if (unit != RankChoice.Budget.Unit.PARAMETERS && choice.budget == null) {
            throw new UsageException("--budget-unit without a budget", "that is for --budget");
        }
        var selection = new TensorSelection(include, exclude);
        return new LowRankRequest(chosen, rankChoice(), aim(scheme, selection), aim(residual, selection), selection);
    }

    private RankChoice rankChoice() {
        if (choice.rank != null) {
            return new RankChoice.Rank(choice.rank);
        }
        if (choice.energy != null) {
            return new RankChoice.Energy(choice.energy);
        }
        return new RankChoice.Budget(choice.budget == null ? 0 : choice.budget, unit);
    }

    private Optional<QuantizationRequest.Aim> aim(@Nullable String name, TensorSelection selection) {
        return Optional.ofNullable(name)
                .map(s -> QuantizationRequest.of(
                                s.toLowerCase(Locale.ROOT), Optional.empty(), Optional.empty(), selection, out)
                        .aim());
    }

    private Map<String, LowRankFigures> figures(Models model, OutputPlan plan) {
        var figures = new LinkedHashMap<String, LowRankFigures>();
        try (ModelInput written = ModelFiles.open(out.toString())) {
            LogicalModel stored =
                    LogicalModel.of(written.source(), written.config().flatMap(QuantizationConfig::declaredScheme));
            for (var task : plan.tasks()) {
                if (task instanceof FactorizeTask factorized) {
                    var measured = LowRankMeasurement.of(model.logical(), factorized, stored);
                    figures.put(
                            task.source().name(),
                            new LowRankFigures(
                                    factorized.rank(),
                                    measured.factors().energyKept(),
                                    measured.weight().weight(),
                                    measured.weight().output(),
                                    task.source().shape().elements(),
                                    factorized.parameters()));
                }
            }
        }
        return figures;
    }

    private Map<String, String> settings(LowRankRequest request, String device, String library) {
        var settings = new LinkedHashMap<String, String>();
        settings.put("method", request.method().label());
        settings.put(
                request.choice().label(),
                request.choice() instanceof RankChoice.Rank(int rank)
                        ? String.valueOf(rank)
                        : String.valueOf(request.choice().amount()));
        if (request.choice() instanceof RankChoice.Budget) {
            settings.put("budget-unit", unit.name().toLowerCase(Locale.ROOT));
        }
        Optional.ofNullable(calibration).ifPresent(c -> settings.put("calibration", c));
        request.factors().ifPresent(s -> settings.put("scheme", s.label()));
        request.residual().ifPresent(s -> settings.put("residual", s.label()));
        if (!include.isEmpty()) {
            settings.put("include", String.join(" ", include));
        }
        if (!exclude.isEmpty()) {
            settings.put("exclude", String.join(" ", exclude));
        }
        settings.put("library", library);
        settings.put("device", device);
        settings.put("threads", String.valueOf(common.threads));
        return settings;
    }
}
