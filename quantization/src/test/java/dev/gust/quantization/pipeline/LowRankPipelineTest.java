package dev.gust.quantization.pipeline;

import static dev.gust.quantization.pipeline.LowRankModels.Q;
import static dev.gust.quantization.pipeline.LowRankModels.UP;
import static org.assertj.core.api.Assertions.assertThat;

import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.quantization.Pipelines;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.LowRankMethod;
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
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Models whose weights become factors, on disk and back. */
class LowRankPipelineTest {
    @TempDir
    Path folder;

    private final Device jvm = Devices.open(DeviceId.JVM);
    private LowRankModels models;

    @BeforeEach
    void open() {
        models = new LowRankModels(folder, jvm);
    }

    @AfterEach
    void close() {
        jvm.close();
    }

    @Test
    void factorsGoToDiskAndBack() throws Exception {
        Path in = models.model();
        Path out = folder.resolve("out");
        List<TensorOutcome> outcomes = models.plain(in, out, new RankChoice.Rank(16));
        assertThat(LowRankModels.factors(out, Q).orElseThrow().a().stored())
                .containsExactly(new TensorInfo(Q + ".lowrank_a", DType.F32, Shape.of(128, 16)));
        assertThat(LowRankModels.factors(out, UP).orElseThrow().b().stored())
                .containsExactly(new TensorInfo(UP + ".lowrank_b", DType.F32, Shape.of(16, 128)));
        assertThat(LowRankModels.error(LowRankModels.difference(in, out, Q + ".weight")))
                .isBetween(1e-4, 0.03);
        // The report says what the files then say.
        ErrorSums reported = outcomes.stream()
                .filter(o -> o.task().source().name().equals(Q + ".weight"))
                .findFirst()
                .orElseThrow()
                .error();
        assertThat(LowRankModels.error(reported))
                .isBetween(
                        0.999 * LowRankModels.error(LowRankModels.difference(in, out, Q + ".weight")),
                        1.001 * LowRankModels.error(LowRankModels.difference(in, out, Q + ".weight")));
        assertThat(outcomes)
                .filteredOn(o -> o.task().source().name().equals("layers.0.thin.weight"))
                .singleElement()
                .satisfies(o -> assertThat(o.task().reason()).contains("larger than the matrix"));
        assertThat(LowRankModels.audit(out)).isEmpty();
        assertThat(Files.readString(out.resolve("config.json")))
                .contains("\"lowrank_config\"", "\"rank\" : 16", "\"quant_method\" : \"gust\"", "layers.0.thin")
                .doesNotContain("16.0");

        Path back = folder.resolve("back");
        Pipelines.dequantize(out, back, DType.F32);
        assertThat(LowRankModels.difference(out, back, Q + ".weight").error()).isZero();
        assertThat(Files.readString(back.resolve("config.json"))).doesNotContain("lowrank", "quantization_config");
        try (Pipelines.Opened opened = Pipelines.open(back)) {
            assertThat(opened.model().quantizations()).isEmpty();
            assertThat(opened.model().source().metadata().keySet()).noneMatch(k -> k.startsWith("gust."));
        }
    }

    @Test
    void aFileOfItsOwnKeepsTheConfigurationOnTheWayToAFolder() {
        Path file = folder.resolve("out.safetensors");
        models.plain(models.model(), file, new RankChoice.Rank(16));
        assertThat(LowRankModels.audit(file)).isEmpty();
        Path converted = folder.resolve("converted");
        Pipelines.convert(file, converted);
        assertThat(LowRankModels.audit(converted)).isEmpty();
        assertThat(LowRankModels.difference(file, converted, UP + ".weight").error())
                .isZero();
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
        "mxfp6-e3m2,mxfp6-e2m3,",
        "mxfp6-e2m3,,",
        "fp8-block,fp8-block,"
    })
    void factorsAndResidualTakeSchemes(String scheme, String residual) {
        Path in = models.model();
        Path out = folder.resolve("out");
        String rest = residual == null ? "" : residual;
        models.run(
                in,
                out,
                models.request(LowRankMethod.SVD, new RankChoice.Rank(20), scheme, rest, out),
                Optional.empty());
        LowRankWeight q = LowRankModels.factors(out, Q).orElseThrow();
        assertThat(q.a().encoding().label()).isEqualTo(scheme.isEmpty() ? "F32" : scheme);
        assertThat(q.residual().map(r -> r.encoding().label()))
                .isEqualTo(Optional.of(rest).filter(r -> !r.isEmpty()));
        assertThat(q.rank())
                .isEqualTo(
                        switch (scheme) {
                            case "nvfp4", "mxfp4", "mxfp8", "mxfp6-e3m2", "mxfp6-e2m3" -> 32;
                            case "int4", "fp8-block" -> 128;
                            default -> 20;
                        });
        assertThat(LowRankModels.audit(out)).isEmpty();
        assertThat(LowRankModels.error(LowRankModels.difference(in, out, Q + ".weight")))
                .isLessThan(scheme.endsWith("4") ? 0.2 : 0.06);
    }

    /** Low rank takes the large part, so that few bits are enough for the rest: SVDQuant's idea. */
    @Test
    void factorsMakeTheResidualEasier() {
        Path in = models.model();
        Path both = folder.resolve("both");
        models.run(
                in,
                both,
                models.request(LowRankMethod.SVD, new RankChoice.Rank(16), "", "mxfp4", both),
                Optional.empty());
        Path quantized = folder.resolve("quantized");
        Pipelines.quantize(in, quantized, "mxfp4", Pipelines.threads(1));
        assertThat(LowRankModels.error(LowRankModels.difference(in, both, UP + ".weight")))
                .isLessThan(0.1 * LowRankModels.error(LowRankModels.difference(in, quantized, UP + ".weight")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"q8_0", "nvfp4", ""})
    void ggufHoldsFactors(String scheme) {
        Path in = models.model();
        Path out = folder.resolve("out.gguf");
        models.run(
                in, out, models.request(LowRankMethod.SVD, new RankChoice.Rank(17), scheme, "", out), Optional.empty());
        assertThat(LowRankModels.factors(out, UP).orElseThrow().rank())
                .isEqualTo(scheme.equals("nvfp4") ? 64 : scheme.isEmpty() ? 17 : 32);
        assertThat(LowRankModels.factors(out, Q).isEmpty()).isEqualTo(scheme.equals("nvfp4")); // 64 is more than pays
        assertThat(LowRankModels.error(LowRankModels.difference(in, out, UP + ".weight")))
                .isLessThan(scheme.equals("nvfp4") ? 0.2 : 0.03);
        assertThat(LowRankModels.audit(out)).isEmpty();
    }

    @Test
    void anEnergyGivesEachLayerItsOwnRank() {
        Path out = folder.resolve("out");
        models.plain(models.model(), out, new RankChoice.Energy(0.9));
        assertThat(LowRankModels.factors(out, Q).orElseThrow().rank()).isBetween(8L, 15L);
        assertThat(1
                        - Math.pow(
                                LowRankModels.error(LowRankModels.difference(folder.resolve("in"), out, Q + ".weight")),
                                2))
                .isBetween(0.9, 0.95);
    }

    @ParameterizedTest
    @CsvSource({"PARAMETERS,''", "BYTES,''", "BYTES,int8"})
    void aBudgetHolds(RankChoice.Budget.Unit unit, String scheme) {
        Path in = models.model();
        Path out = folder.resolve("out");
        var choice = new RankChoice.Budget(0.3, unit);
        List<TensorOutcome> outcomes =
                models.run(in, out, models.request(LowRankMethod.SVD, choice, scheme, "", out), Optional.empty());
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
        Path in = models.model();
        try (CalibrationFile calibration =
                CalibrationFile.open(calibration(400, 1).toString())) {
            Path out = folder.resolve("out");
            List<TensorOutcome> outcomes = models.run(
                    in, out, models.request(method, new RankChoice.Rank(8), "", "", out), Optional.of(calibration));
            assertThat(outcomes)
                    .filteredOn(o -> o.task().source().name().equals(UP + ".weight"))
                    .singleElement()
                    .satisfies(o -> assertThat(o.task().reason()).contains("calibration does not know"));
            Path plain = folder.resolve("plain");
            List<TensorOutcome> plainly = models.run(
                    in,
                    plain,
                    models.request(LowRankMethod.SVD, new RankChoice.Rank(8), "", "", plain),
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
                    .isCloseTo(
                            LowRankModels.error(LowRankModels.difference(in, out, Q + ".weight")),
                            org.assertj.core.data.Offset.offset(1e-5));
            return measured.weight().output().orElseThrow();
        }
    }

    @Test
    void aNameThatIsNoWeightsComesBack() {
        Path in = new SafetensorsFixture()
                .floats("matrix", LowRankModels.nearRank(2, 128, 128), 128, 128)
                .write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        models.plain(in, out, new RankChoice.Rank(16));
        assertThat(LowRankModels.error(LowRankModels.difference(in, out, "matrix")))
                .isLessThan(0.03);
        Path back = folder.resolve("back.safetensors");
        Pipelines.dequantize(out, back, DType.F32);
        try (Pipelines.Opened opened = Pipelines.open(back)) {
            assertThat(opened.model().tensors()).extracting(LogicalTensor::name).containsExactly("matrix");
        }
    }
}
