package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.layout.LowRankConfig;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.LayerInputs;
import dev.gust.quantization.lowrank.RankBudget;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Decides which weights of a model become factors, and of which rank. A number for all layers is decided from headers
 * alone; an energy or a budget needs every layer's singular values, which is most of the work.
 */
public final class LowRankPlanner {
    private final ModelInput input;
    private final LogicalModel model;
    private final LowRankRequest request;
    private final Factorization factorization;
    private final Optional<CalibrationFile> calibration;
    private final RunOptions run;
    private final Map<LogicalTensor, Decision> decisions = new LinkedHashMap<>();

    /**
     * What becomes of a tensor.
     *
     * @param rank of its factors; 0 to copy it
     * @param reason why it is copied, or why the rank is another than was asked for
     */
    private record Decision(int rank, String reason) {}

    private LowRankPlanner(
            ModelInput input,
            LogicalModel model,
            LowRankRequest request,
            Factorization factorization,
            Optional<CalibrationFile> calibration,
            RunOptions run) {
        this.input = input;
        this.model = model;
        this.request = request;
        this.factorization = factorization;
        this.calibration = calibration;
        this.run = run;
    }

    /**
     * Plans.
     *
     * @param factorization finds singular values and factors, by the request's method
     * @param calibration what is known of the layers' inputs; needed by calibrated methods, else only for reports
     * @param run asked whether to stop, and told how far singular values are
     * @throws InputException if the model is quantized already, a weight or the calibration is bad, or nothing would get
     *     smaller
     * @throws dev.gust.formats.UsageException if a calibrated method has no calibration, or the budget is too small
     */
    public static OutputPlan plan(
            ModelInput input,
            LogicalModel model,
            LowRankRequest request,
            Factorization factorization,
            Optional<CalibrationFile> calibration,
            RunOptions run,
            Path target) {
        if (request.method().isCalibrated() && calibration.isEmpty()) {
            throw new dev.gust.formats.UsageException(
                    "the method " + request.method().label() + " needs to know the layers' inputs",
                    "give it what gust calibrate wrote with --calibration");
        }
        return new LowRankPlanner(input, model, request, factorization, calibration, run).plan(target);
    }

    private OutputPlan plan(Path target) {
        QuantizationPlanner.refuseQuantized(model);
        var candidates = new ArrayList<LogicalTensor>();
        for (LogicalTensor tensor : model.tensors()) {
            exemption(tensor)
                    .ifPresentOrElse(
                            reason -> decisions.put(tensor, new Decision(0, reason)), () -> candidates.add(tensor));
        }
        decide(candidates);
        var tasks = new ArrayList<TensorTask>();
        var ranks = new LinkedHashMap<String, Long>();
        var dense = new ArrayList<String>();
        var names = new LinkedHashMap<String, String>();
        for (LogicalTensor tensor : model.tensors()) {
            Decision decision = decisions.get(tensor);
            if (decision == null || decision.rank() == 0) {
                tasks.add(new CopyTask(tensor, decision == null ? "" : decision.reason()));
                if (candidates.contains(tensor)) {
                    dense.add(layer(tensor));
                }
                continue;
            }
            tasks.add(new FactorizeTask(
                    tensor,
                    layer(tensor),
                    decision.rank(),
                    factorForm(tensor),
                    residualForm(tensor),
                    factorization,
                    calibration,
                    decision.reason()));
            ranks.put(layer(tensor), (long) decision.rank());
            if (layer(tensor).equals(tensor.name())) {
                names.put(layer(tensor), tensor.name());
            }
        }
        if (ranks.isEmpty()) {
            throw nothingChosen(candidates);
        }
        var config = new LowRankConfig(
                request.method().label(),
                request.choice().label(),
                request.choice().amount(),
                calibration.map(c -> fileName(c.location())),
                request.factors().map(QuantizationRequest.Aim::label),
                request.residual().map(QuantizationRequest.Aim::label),
                ranks,
                dense);
        String options = request + " " + factorization.alpha()
                + calibration.map(c -> " " + c.identity()).orElse("");
        return new OutputAssembly(input, model, target).assembleLowRank(tasks, config, names, options);
    }

    /** Names the reason of one tensor: of a candidate, or else of a matrix that was selected and cannot be one. */
    private InputException nothingChosen(List<LogicalTensor> candidates) {
        String why = Stream.concat(
                        candidates.stream(),
                        model.tensors().stream()
                                .filter(t -> request.selection().exemption(t).isEmpty()))
                .findFirst()
                .flatMap(t -> Optional.ofNullable(decisions.get(t)).map(d -> t.name() + ": " + d.reason()))
                .orElse("no weight was chosen");
        String remedy = candidates.isEmpty()
                ? "name layers with --include, or choose another scheme or calibration"
                : "choose a smaller rank, energy or budget, or name layers with --include";
        return InputException.of(model.source().location(), "no layer would become factors (" + why + ")", remedy);
    }

    private static String fileName(String location) {
        return location.substring(Math.max(location.lastIndexOf('/'), location.lastIndexOf('\\')) + 1);
    }

    /** The layer's name: the weight's without {@code .weight}. */
    private static String layer(LogicalTensor tensor) {
        String name = tensor.name();
        return name.endsWith(".weight") && name.length() > ".weight".length()
                ? name.substring(0, name.length() - ".weight".length())
                : name;
    }

    private MatrixForm factorForm(LogicalTensor tensor) {
        return MatrixForm.of(request.factors(), plain(tensor));
    }

    private Optional<MatrixForm> residualForm(LogicalTensor tensor) {
        return request.residual().map(aim -> MatrixForm.of(Optional.of(aim), plain(tensor)));
    }

    private static DType plain(LogicalTensor tensor) {
        return tensor.encoding() instanceof TensorEncoding.Plain(var dtype) && dtype != DType.F64 ? dtype : DType.F32;
    }

    private Optional<String> exemption(LogicalTensor tensor) {
        Shape shape = tensor.shape();
        return request.selection().exemption(tensor).or(() -> {
            if (shape.elements() == 0) {
                return Optional.of("no elements");
            }
            if (shape.rank() != 2) {
                return Optional.of("more than two dimensions");
            }
            if (Math.max(shape.dim(0), shape.dim(1)) > Integer.MAX_VALUE) {
                return Optional.of("more than 2^31 rows or columns");
            }
            if (request.method().isCalibrated() && !calibration.orElseThrow().has(layer(tensor))) {
                return Optional.of("the calibration does not know its inputs");
            }
            MatrixForm form = factorForm(tensor);
            if (form.rankStep(shape.dim(0)).isEmpty()) {
                return Optional.of("no rank of it can be stored as " + form.label());
            }
            return form.unsupported(Shape.of(form.rankStep(shape.dim(0)).orElseThrow(), shape.dim(1)))
                    .or(() -> residualForm(tensor).flatMap(r -> r.unsupported(shape)));
        });
    }

    private void decide(List<LogicalTensor> candidates) {
        switch (request.choice()) {
            case RankChoice.Rank(int rank) -> {
                for (LogicalTensor tensor : candidates) {
                    decisions.put(tensor, decision(tensor, rank, "rank " + rank));
                }
            }
            case RankChoice.Energy(double share) ->
                spectra(candidates).forEach((tensor, spectrum) -> {
                    int rank = RankBudget.rankForEnergy(spectrum, share);
                    decisions.put(tensor, decision(tensor, rank, "rank " + rank + ", which that energy takes,"));
                });
            case RankChoice.Budget budget -> decideTogether(spectra(candidates), budget);
        }
    }

    /** A rank for one layer, brought to what its scheme can store and what pays. */
    private Decision decision(LogicalTensor tensor, int wanted, String what) {
        long m = tensor.shape().dim(0);
        long n = tensor.shape().dim(1);
        if (wanted > Math.min(m, n)) {
            return new Decision(0, what + " is larger than the matrix " + tensor.shape());
        }
        int step = factorForm(tensor).rankStep(m).orElseThrow();
        long most = request.residual().isPresent() ? Math.min(m, n) : RankBudget.breakEven(m, n);
        if (wanted > most) {
            return new Decision(0, what + " would not pay: factors are smaller up to rank " + most);
        }
        int rounded = (int) Math.min(Math.ceilDiv(wanted, step) * (long) step, most / step * step);
        if (rounded == 0) {
            return new Decision(
                    0,
                    factorForm(tensor).label() + " takes ranks in steps of " + step + ", and up to " + most + " pay");
        }
        return new Decision(
                rounded, rounded == wanted ? "" : factorForm(tensor).label() + " takes ranks in steps of " + step);
    }

    private Map<LogicalTensor, double[]> spectra(List<LogicalTensor> candidates) {
        var spectra = new LinkedHashMap<LogicalTensor, double[]>();
        run.progress()
                .begin(
                        "finding singular values",
                        candidates.stream().mapToLong(LogicalTensor::byteSize).sum());
        try {
            for (LogicalTensor tensor : candidates) {
                if (run.cancelled().getAsBoolean()) {
                    throw new InterruptedRunException(model.source().location());
                }
                try (Arena memory = Arena.ofShared()) {
                    LayerInputs inputs = request.method().isCalibrated()
                            ? calibration
                                    .orElseThrow()
                                    .layer(
                                            layer(tensor),
                                            Math.toIntExact(tensor.shape().dim(1)))
                            : LayerInputs.UNKNOWN;
                    spectra.put(tensor, factorization.spectrum(WholeWeight.read(model, tensor, memory), inputs));
                }
                run.progress().advance(tensor.name(), tensor.byteSize());
            }
        } finally {
            run.progress().end();
        }
        return spectra;
    }

    private void decideTogether(Map<LogicalTensor, double[]> spectra, RankChoice.Budget budget) {
        var layers = new ArrayList<RankBudget.Layer>();
        double all = 0;
        for (var entry : spectra.entrySet()) {
            LogicalTensor tensor = entry.getKey();
            long m = tensor.shape().dim(0);
            long n = tensor.shape().dim(1);
            int step = factorForm(tensor).rankStep(m).orElseThrow();
            double dense = budget.unit() == RankChoice.Budget.Unit.BYTES ? tensor.byteSize() : (double) m * n;
            double perRank = budget.unit() == RankChoice.Budget.Unit.BYTES
                    ? bytesPerRank(tensor, Math.min(m, n) / step * step)
                    : m + n;
            layers.add(new RankBudget.Layer(tensor.name(), entry.getValue(), step, perRank, dense));
            all += dense;
        }
        if (layers.isEmpty()) {
            return;
        }
        int[] ranks = RankBudget.ranks(layers, budget.share() * all);
        int i = 0;
        for (LogicalTensor tensor : spectra.keySet()) {
            int rank = ranks[i++];
            decisions.put(tensor, new Decision(rank, rank > 0 ? "" : "no rank that pays is enough: stays one weight"));
        }
    }

    /** Bytes of a rank's part of both factors, with its part of scales. */
    private double bytesPerRank(LogicalTensor tensor, long rank) {
        long most = Math.max(
                rank, factorForm(tensor).rankStep(tensor.shape().dim(0)).orElseThrow());
        MatrixForm form = factorForm(tensor);
        var stored = new ArrayList<>(form.stored("a", Shape.of(tensor.shape().dim(0), most)));
        stored.addAll(form.stored("b", Shape.of(most, tensor.shape().dim(1))));
        return stored.stream().mapToLong(TensorInfo::byteSize).sum() / (double) most;
    }
}
