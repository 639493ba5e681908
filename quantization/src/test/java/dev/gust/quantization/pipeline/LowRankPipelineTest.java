package dev.gust.quantization.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.audit.ModelAudit;
import dev.gust.quantization.audit.ModelComparison;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.EjmlAlgebra;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose weights become factors, on disk and back. */
class LowRankPipelineTest {
    private static final String Q = "layers.0.q_proj";
    private static final String UP = "layers.0.up_proj";

    @TempDir
    Path folder;

    private final Device jvm = Devices.open(DeviceId.JVM);

    @AfterEach
    void close() {
        jvm.close();
    }

    /** Two layers near rank 16 each, a thin one, an embedding and a norm. */
    private static SafetensorsFixture tensors() {
        return new SafetensorsFixture()
                .floats("embed_tokens.weight", Pipelines.gaussian(1, 10 * 128), 10, 128)
                .floats(Q + ".weight", nearRank(2, 128, 128), 128, 128)
                .floats(Q + ".bias", Pipelines.gaussian(3, 128), 128)
                .floats(UP + ".weight", nearRank(4, 256, 128), 256, 128)
                .floats("layers.0.thin.weight", Pipelines.gaussian(5, 2 * 128), 2, 128)
                .floats("layers.0.norm.weight", Pipelines.gaussian(6, 128), 128);
    }

    private static float[] nearRank(long seed, int m, int n) {
        float[] a = Pipelines.gaussian(seed, m * 16);
        float[] b = Pipelines.gaussian(seed + 100, 16 * n);
        float[] w = Pipelines.gaussian(seed + 200, m * n);
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0.002 * w[i * n + j];
                for (int p = 0; p < 16; p++) {
                    sum += (double) a[i * 16 + p] * b[p * n + j];
                }
                w[i * n + j] = (float) sum;
            }
        }
        return w;
    }

    private Path model() {
        Path in = folder.resolve("in");
        Pipelines.write(in, "config.json", "{\"model_type\": \"llama\"}\n");
        tensors().write(in.resolve("model.safetensors"));
        return in;
    }

    private LowRankRequest request(LowRankMethod method, RankChoice choice, String scheme, String residual, Path out) {
        return new LowRankRequest(method, choice, aim(scheme, out), aim(residual, out), TensorSelection.STANDARD);
    }

    private static Optional<QuantizationRequest.Aim> aim(String scheme, Path out) {
        return scheme.isEmpty()
                ? Optional.empty()
                : Optional.of(QuantizationRequest.of(
                                scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, out)
                        .aim());
    }

    private List<TensorOutcome> run(Path in, Path out, LowRankRequest request, Optional<CalibrationFile> calibration) {
        var decomposer = new Decomposer(jvm, new EjmlAlgebra(), SvdOptions.DEFAULT, 1);
        var factorization = new Factorization(request.method(), 0.5, decomposer);
        RunOptions run = Pipelines.threads(1);
        return Pipelines.run(
                in, run, (i, m) -> LowRankPlanner.plan(i, m, request, factorization, calibration, run, out));
    }

    private List<TensorOutcome> plain(Path in, Path out, RankChoice choice) {
        return run(in, out, request(LowRankMethod.SVD, choice, "", "", out), Optional.empty());
    }

    private static ErrorSums difference(Path a, Path b, String tensor) {
        try (Pipelines.Opened left = Pipelines.open(a);
                Pipelines.Opened right = Pipelines.open(b)) {
            return ModelComparison.of(left.model(), right.model(), 1, Progress.NONE).tensors().stream()
                    .filter(r -> r.name().equals(tensor))
                    .findFirst()
                    .orElseThrow()
                    .error();
        }
    }

    private static double error(ErrorSums sums) {
        return Math.sqrt(sums.error() / sums.signal());
    }

    private static List<ModelAudit.Finding> audit(Path model) {
        try (Pipelines.Opened opened = Pipelines.open(model)) {
            return ModelAudit.of(opened.model(), opened.input().config(), 1, Progress.NONE);
        }
    }

    private static Optional<LowRankWeight> factors(Path model, String layer) {
        try (Pipelines.Opened opened = Pipelines.open(model)) {
            return opened.model().lowRank(layer);
        }
    }

    @Test
    void factorsGoToDiskAndBack() throws Exception {
        Path in = model();
        Path out = folder.resolve("out");
        List<TensorOutcome> outcomes = plain(in, out, new RankChoice.Rank(16));
        assertThat(factors(out, Q).orElseThrow().a().stored())
                .containsExactly(new TensorInfo(Q + ".lowrank_a", DType.F32, Shape.of(128, 16)));
        assertThat(factors(out, UP).orElseThrow().b().stored())
                .containsExactly(new TensorInfo(UP + ".lowrank_b", DType.F32, Shape.of(16, 128)));
        assertThat(error(difference(in, out, Q + ".weight"))).isBetween(1e-4, 0.03);
        // The report says what the files then say.
        ErrorSums reported = outcomes.stream()
                .filter(o -> o.task().source().name().equals(Q + ".weight"))
                .findFirst()
                .orElseThrow()
                .error();
        assertThat(error(reported))
                .isBetween(
                        0.999 * error(difference(in, out, Q + ".weight")),
                        1.001 * error(difference(in, out, Q + ".weight")));
        assertThat(outcomes)
                .filteredOn(o -> o.task().source().name().equals("layers.0.thin.weight"))
                .singleElement()
                .satisfies(o -> assertThat(o.task().reason()).contains("larger than the matrix"));
        assertThat(audit(out)).isEmpty();
        assertThat(Files.readString(out.resolve("config.json")))
                .contains("\"lowrank_config\"", "\"rank\" : 16", "\"quant_method\" : \"gust\"", "layers.0.thin");

        Path back = folder.resolve("back");
        Pipelines.dequantize(out, back, DType.F32);
        assertThat(difference(out, back, Q + ".weight").error()).isZero();
        assertThat(Files.readString(back.resolve("config.json"))).doesNotContain("lowrank", "quantization_config");
        try (Pipelines.Opened opened = Pipelines.open(back)) {
            assertThat(opened.model().quantizations()).isEmpty();
            assertThat(opened.model().source().metadata().keySet()).noneMatch(k -> k.startsWith("gust."));
        }
    }

    @Test
    void aFileOfItsOwnKeepsTheConfigurationOnTheWayToAFolder() {
        Path file = folder.resolve("out.safetensors");
        plain(model(), file, new RankChoice.Rank(16));
        assertThat(audit(file)).isEmpty();
        Path converted = folder.resolve("converted");
        Pipelines.convert(file, converted);
        assertThat(audit(converted)).isEmpty();
        assertThat(difference(file, converted, UP + ".weight").error()).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "int8,,",
        "fp8,,",
        "mxfp4,,",
        "nvfp4,,",
        "int4,int8,",
        "'',mxfp4,",
        "mxfp8,nvfp4,",
        "fp8-block,fp8-block,"
    })
    void factorsAndResidualTakeSchemes(String scheme, String residual) {
        Path in = model();
        Path out = folder.resolve("out");
        String rest = residual == null ? "" : residual;
        run(in, out, request(LowRankMethod.SVD, new RankChoice.Rank(20), scheme, rest, out), Optional.empty());
        LowRankWeight q = factors(out, Q).orElseThrow();
        assertThat(q.a().encoding().label()).isEqualTo(scheme.isEmpty() ? "F32" : scheme);
        assertThat(q.residual().map(r -> r.encoding().label()))
                .isEqualTo(Optional.of(rest).filter(r -> !r.isEmpty()));
        assertThat(q.rank())
                .isEqualTo(
                        switch (scheme) {
                            case "nvfp4", "mxfp4", "mxfp8" -> 32;
                            case "int4", "fp8-block" -> 128;
                            default -> 20;
                        });
        assertThat(audit(out)).isEmpty();
        assertThat(error(difference(in, out, Q + ".weight"))).isLessThan(scheme.endsWith("4") ? 0.2 : 0.06);
    }

    /** Low rank takes the large part, so that few bits are enough for the rest: SVDQuant's idea. */
    @Test
    void factorsMakeTheResidualEasier() {
        Path in = model();
        Path both = folder.resolve("both");
        run(in, both, request(LowRankMethod.SVD, new RankChoice.Rank(16), "", "mxfp4", both), Optional.empty());
        Path quantized = folder.resolve("quantized");
        Pipelines.quantize(in, quantized, "mxfp4", Pipelines.threads(1));
        assertThat(error(difference(in, both, UP + ".weight")))
                .isLessThan(0.1 * error(difference(in, quantized, UP + ".weight")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"q8_0", "nvfp4", ""})
    void ggufHoldsFactors(String scheme) {
        Path in = model();
        Path out = folder.resolve("out.gguf");
        run(in, out, request(LowRankMethod.SVD, new RankChoice.Rank(17), scheme, "", out), Optional.empty());
        assertThat(factors(out, UP).orElseThrow().rank())
                .isEqualTo(scheme.equals("nvfp4") ? 64 : scheme.isEmpty() ? 17 : 32);
        assertThat(factors(out, Q).isEmpty()).isEqualTo(scheme.equals("nvfp4")); // 64 is more than pays
        assertThat(error(difference(in, out, UP + ".weight"))).isLessThan(scheme.equals("nvfp4") ? 0.2 : 0.03);
        assertThat(audit(out)).isEmpty();
    }

    @Test
    void anEnergyGivesEachLayerItsOwnRank() {
        Path out = folder.resolve("out");
        plain(model(), out, new RankChoice.Energy(0.9));
        assertThat(factors(out, Q).orElseThrow().rank()).isBetween(8L, 15L);
        assertThat(1 - Math.pow(error(difference(folder.resolve("in"), out, Q + ".weight")), 2))
                .isBetween(0.9, 0.95);
    }

    @ParameterizedTest
    @CsvSource({"PARAMETERS,''", "BYTES,''", "BYTES,int8"})
    void aBudgetHolds(RankChoice.Budget.Unit unit, String scheme) {
        Path in = model();
        Path out = folder.resolve("out");
        var choice = new RankChoice.Budget(0.3, unit);
        List<TensorOutcome> outcomes =
                run(in, out, request(LowRankMethod.SVD, choice, scheme, "", out), Optional.empty());
        long all = 128 * 128 + 256 * 128 + 2 * 128;
        long spent = 0;
        for (TensorOutcome outcome : outcomes) {
            String name = outcome.task().source().name();
            boolean candidate = name.contains("_proj.weight") || name.contains("thin");
            if (candidate && unit == RankChoice.Budget.Unit.BYTES) {
                spent += outcome.task().outputs().stream()
                        .mapToLong(TensorInfo::byteSize)
                        .sum();
            } else if (candidate) {
                spent += outcome.task() instanceof FactorizeTask task
                        ? task.parameters()
                        : outcome.task().source().shape().elements();
            }
        }
        double share = spent / (unit == RankChoice.Budget.Unit.BYTES ? 4.0 * all : all);
        assertThat(share).isBetween(0.28, 0.305); // a scheme's scales do not grow with the rank
    }

    private Path calibration(int tokens, float scale) {
        float[] x = Pipelines.gaussian(9, tokens * 128);
        for (int i = 0; i < x.length; i++) { // channels of very different sizes
            x[i] *= scale * (float) Math.exp(-(i % 128) / 20.0);
        }
        float[] gram = new float[128 * 128];
        for (int t = 0; t < tokens; t++) {
            for (int i = 0; i < 128; i++) {
                for (int j = 0; j < 128; j++) {
                    gram[i * 128 + j] += x[t * 128 + i] * x[t * 128 + j];
                }
            }
        }
        MemorySegment count = MemorySegment.ofArray(new byte[8]);
        count.set(ValueLayout.JAVA_LONG_UNALIGNED, 0, tokens);
        return new SafetensorsFixture()
                .floats(Q + ".gram", gram, 128, 128)
                .bytes(Q + ".count", DType.I64, Shape.of(1), count)
                .write(folder.resolve("calibration.safetensors"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"WHITENED", "ASVD", "LORD"})
    void calibratedMethodsServeTheOutputs(LowRankMethod method) {
        Path in = model();
        try (CalibrationFile calibration =
                CalibrationFile.open(calibration(400, 1).toString())) {
            Path out = folder.resolve("out");
            List<TensorOutcome> outcomes =
                    run(in, out, request(method, new RankChoice.Rank(8), "", "", out), Optional.of(calibration));
            assertThat(outcomes)
                    .filteredOn(o -> o.task().source().name().equals(UP + ".weight"))
                    .singleElement()
                    .satisfies(o -> assertThat(o.task().reason()).contains("calibration does not know"));
            Path plain = folder.resolve("plain");
            List<TensorOutcome> plainly = run(
                    in,
                    plain,
                    request(LowRankMethod.SVD, new RankChoice.Rank(8), "", "", plain),
                    Optional.of(calibration));
            assertThat(outputError(in, out, outcomes)).isLessThan(0.9 * outputError(in, plain, plainly));
        }
    }

    private static double outputError(Path in, Path out, List<TensorOutcome> outcomes) {
        try (Pipelines.Opened before = Pipelines.open(in);
                Pipelines.Opened after = Pipelines.open(out)) {
            FactorizeTask task = outcomes.stream()
                    .map(TensorOutcome::task)
                    .filter(t -> t.source().name().equals(Q + ".weight"))
                    .map(FactorizeTask.class::cast)
                    .findFirst()
                    .orElseThrow();
            LowRankMeasurement measured = LowRankMeasurement.of(before.model(), task, after.model());
            assertThat(measured.weight().weight())
                    .isCloseTo(error(difference(in, out, Q + ".weight")), org.assertj.core.data.Offset.offset(1e-5));
            return measured.weight().output().orElseThrow();
        }
    }

    @Test
    void aNameThatIsNoWeightsComesBack() {
        Path in = new SafetensorsFixture()
                .floats("matrix", nearRank(2, 128, 128), 128, 128)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        plain(in, out, new RankChoice.Rank(16));
        assertThat(error(difference(in, out, "matrix"))).isLessThan(0.03);
        Path back = folder.resolve("back.safetensors");
        Pipelines.dequantize(out, back, DType.F32);
        try (Pipelines.Opened opened = Pipelines.open(back)) {
            assertThat(opened.model().tensors()).extracting(LogicalTensor::name).containsExactly("matrix");
        }
    }

    @Test
    void auditsWhatConfigurationsSayOfFactors() throws Exception {
        Path out = folder.resolve("out");
        plain(model(), out, new RankChoice.Rank(16));
        Path config = out.resolve("config.json");
        String text = Files.readString(config);
        Files.writeString(config, text.replace("\"rank\" : 16", "\"rank\" : 17"));
        assertThat(audit(out)).hasSize(2).allMatch(f -> f.problem().contains("rank 17"));
        Files.writeString(config, text.replace(UP, "layers.7.other"));
        assertThat(audit(out))
                .anyMatch(f -> f.tensor().equals(UP) && f.problem().contains("nothing of its rank"))
                .anyMatch(
                        f -> f.tensor().equals("layers.7.other") && f.problem().contains("missing"));
        Files.writeString(config, text.replace("\"gust\"", "\"compressed-tensors\""));
        assertThat(audit(out)).anyMatch(f -> f.problem().contains("another engine would misread it"));
        Files.writeString(config, "{}");
        assertThat(audit(out)).anyMatch(f -> f.problem().contains("no lowrank_config"));
        Path half = new SafetensorsFixture()
                .floats("x.lowrank_a", new float[4], 2, 2)
                .floats("y.lowrank_a", new float[4], 2, 2)
                .floats("y.lowrank_b", new float[4], 2, 2)
                .write(folder.resolve("half.safetensors"));
        assertThat(audit(half)).singleElement().matches(f -> f.tensor().equals("x.lowrank_a"));
    }

    @Test
    void refusesWhatCannotBecomeFactors() {
        Path in = model();
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> plain(in, out, new RankChoice.Rank(129)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no layer would become factors")
                .hasMessageContaining("rank 129 is larger than the matrix [128, 128]");
        assertThatThrownBy(() -> plain(in, out, new RankChoice.Rank(100)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("rank 100 would not pay: factors are smaller up to rank 63");
        assertThatThrownBy(() -> plain(in, out, new RankChoice.Budget(0.001, RankChoice.Budget.Unit.PARAMETERS)))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("budget");
        assertThatThrownBy(() -> run(
                        in, out, request(LowRankMethod.LORD, new RankChoice.Rank(4), "", "", out), Optional.empty()))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("--calibration");
        Path factored = folder.resolve("factored");
        plain(in, factored, new RankChoice.Rank(16));
        assertThatThrownBy(() -> plain(factored, out, new RankChoice.Rank(4)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is quantized already (lowrank/F32)");
        assertThat(out).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY})
    void refusesWeightsThatAreNotFinite(float bad) {
        float[] w = nearRank(2, 128, 128);
        w[130] = bad;
        Path in = new SafetensorsFixture().floats("w", w, 128, 128).write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        for (RankChoice choice : List.of(new RankChoice.Rank(4), new RankChoice.Energy(0.5))) {
            assertThatThrownBy(() -> plain(in, out, choice))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("'w'")
                    .hasMessageContaining("[1, 2]");
        }
        assertThat(out).doesNotExist();
        assertThat(folder.resolve("out.safetensors.partial")).doesNotExist();
    }

    @Test
    void aWeightOfZerosBecomesFactorsOfZeros() {
        Path in = new SafetensorsFixture()
                .floats("w", new float[64 * 64], 64, 64)
                .write(folder.resolve("in.safetensors"));
        for (RankChoice choice : List.of(
                new RankChoice.Rank(4),
                new RankChoice.Energy(0.5),
                new RankChoice.Budget(0.5, RankChoice.Budget.Unit.BYTES))) {
            Path out = folder.resolve(choice.label() + ".safetensors");
            plain(in, out, choice);
            assertThat(difference(in, out, "w").maxAbs()).isZero();
        }
    }

    @Test
    void calibrationsAreLookedAt() {
        Path in = model();
        Path out = folder.resolve("out");
        LowRankRequest request = request(LowRankMethod.WHITENED, new RankChoice.Rank(4), "", "", out);
        float[] nan = new float[128 * 128];
        nan[5] = Float.NaN;
        float[] skew = new float[128 * 128];
        skew[1] = 1;
        skew[0] = 1;
        float[] negative = new float[128 * 128];
        negative[0] = -1;
        Object[][] cases = {
            {new float[64 * 64], 64, "F32 [128, 128]"},
            {new float[128 * 128], 128, "all zeros"},
            {nan, 128, "NaN"},
            {skew, 128, "not symmetric"},
            {negative, 128, "negative diagonal"}
        };
        for (Object[] one : cases) {
            int n = (int) one[1];
            Path file = new SafetensorsFixture()
                    .floats(Q + ".gram", (float[]) one[0], n, n)
                    .write(folder.resolve("bad.safetensors"));
            try (CalibrationFile calibration = CalibrationFile.open(file.toString())) {
                assertThatThrownBy(() -> run(in, out, request, Optional.of(calibration)))
                        .as("%s", one[2])
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining(Q + ".gram")
                        .hasMessageContaining((String) one[2]);
            }
        }
        assertThat(folder.resolve("out.partial")).doesNotExist();
        assertThatThrownBy(() ->
                        CalibrationFile.open(in.resolve("model.safetensors").toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is no calibration");
    }
}
