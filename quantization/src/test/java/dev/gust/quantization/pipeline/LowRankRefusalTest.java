package dev.gust.quantization.pipeline;

import static dev.gust.quantization.pipeline.LowRankModels.Q;
import static dev.gust.quantization.pipeline.LowRankModels.UP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What cannot become factors, calibrations that are none, and configurations that do not fit. */
class LowRankRefusalTest {
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
    void auditsWhatConfigurationsSayOfFactors() throws Exception {
        Path out = folder.resolve("out");
        models.plain(models.model(), out, new RankChoice.Rank(16));
        Path config = out.resolve("config.json");
        String text = Files.readString(config);
        Files.writeString(config, text.replace("\"rank\" : 16", "\"rank\" : 17"));
        assertThat(LowRankModels.audit(out))
                .hasSize(2)
                .allMatch(f -> f.problem().contains("rank 17"));
        Files.writeString(config, text.replace(UP, "layers.7.other"));
        assertThat(LowRankModels.audit(out))
                .anyMatch(f -> f.tensor().equals(UP) && f.problem().contains("nothing of its rank"))
                .anyMatch(
                        f -> f.tensor().equals("layers.7.other") && f.problem().contains("missing"));
        Files.writeString(config, text.replace("\"gust\"", "\"compressed-tensors\""));
        assertThat(LowRankModels.audit(out)).anyMatch(f -> f.problem().contains("another engine would misread it"));
        Files.writeString(config, "{}");
        assertThat(LowRankModels.audit(out)).anyMatch(f -> f.problem().contains("no lowrank_config"));
        Path half = new SafetensorsFixture()
                .floats("x.lowrank_a", new float[4], 2, 2)
                .floats("y.lowrank_a", new float[4], 2, 2)
                .floats("y.lowrank_b", new float[4], 2, 2)
                .write(folder.resolve("half.safetensors"));
        assertThat(LowRankModels.audit(half))
                .singleElement()
                .matches(f -> f.tensor().equals("x.lowrank_a"));
    }

    @Test
    void refusesWhatCannotBecomeFactors() {
        Path in = models.model();
        Path out = folder.resolve("out");
        assertThatThrownBy(() -> models.plain(in, out, new RankChoice.Rank(129)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("no layer would become factors")
                .hasMessageContaining("rank 129 is larger than the matrix [128, 128]");
        assertThatThrownBy(() -> models.plain(in, out, new RankChoice.Rank(100)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("rank 100 would not pay: factors are smaller up to rank 63");
        assertThatThrownBy(() -> models.plain(in, out, new RankChoice.Budget(0.001, RankChoice.Budget.Unit.PARAMETERS)))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("budget");
        assertThatThrownBy(() -> models.run(
                        in,
                        out,
                        models.request(LowRankMethod.LORD, new RankChoice.Rank(4), "", "", out),
                        Optional.empty()))
                .isInstanceOf(UsageException.class)
                .hasMessageContaining("--calibration");
        Path factored = folder.resolve("factored");
        models.plain(in, factored, new RankChoice.Rank(16));
        assertThatThrownBy(() -> models.plain(factored, out, new RankChoice.Rank(4)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is quantized already (lowrank/F32)");
        assertThat(out).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY})
    void refusesWeightsThatAreNotFinite(float bad) {
        float[] w = LowRankModels.nearRank(2, 128, 128);
        w[130] = bad;
        Path in = new SafetensorsFixture().floats("w", w, 128, 128).write(folder.resolve("in.safetensors"));
        Path out = folder.resolve("out.safetensors");
        for (RankChoice choice : List.of(new RankChoice.Rank(4), new RankChoice.Energy(0.5))) {
            assertThatThrownBy(() -> models.plain(in, out, choice))
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
            models.plain(in, out, choice);
            assertThat(LowRankModels.difference(in, out, "w").maxAbs()).isZero();
        }
    }

    private void refusesMaxima(LowRankMethod method, float[] maxima, String tensor, String reason) {
        Path out = folder.resolve("out");
        LowRankRequest request = models.request(method, new RankChoice.Rank(4), "", "", out);
        Path file =
                new SafetensorsFixture().floats(Q + ".amax", maxima, 128).write(folder.resolve("maxima.safetensors"));
        try (CalibrationFile calibration = CalibrationFile.open(file.toString())) {
            assertThatThrownBy(() -> models.run(models.model(), out, request, Optional.of(calibration)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContainingAll("maxima.safetensors", tensor, reason);
        }
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    /** What is wrong is said of a matrix, even if none could be chosen. */
    @Test
    void saysWhyNothingWasChosen() {
        Path in = models.model();
        Path out = folder.resolve("out");
        Path file = new SafetensorsFixture()
                .floats("other.amax", new float[] {1}, 1)
                .write(folder.resolve("other.safetensors"));
        try (CalibrationFile calibration = CalibrationFile.open(file.toString())) {
            LowRankRequest request = models.request(LowRankMethod.ASVD, new RankChoice.Rank(4), "", "", out);
            assertThatThrownBy(() -> models.run(in, out, request, Optional.of(calibration)))
                    .isInstanceOf(InputException.class)
                    .hasMessageContainingAll(
                            "the calibration does not know its inputs", "another scheme or calibration");
        }
        assertThat(out).doesNotExist();
    }

    @Test
    void calibrationsAreLookedAt() {
        Path in = models.model();
        Path out = folder.resolve("out");
        LowRankRequest request = models.request(LowRankMethod.WHITENED, new RankChoice.Rank(4), "", "", out);
        float[] nan = new float[128 * 128];
        nan[5] = Float.NaN;
        float[] skew = new float[128 * 128];
        skew[1] = 1;
        skew[0] = 1;
        float[] negative = new float[128 * 128];
        negative[0] = -1;
        float[] indefinite = new float[128 * 128];
        indefinite[0] = 1;
        indefinite[1] = 40;
        indefinite[128] = 40;
        Object[][] cases = {
            {new float[64 * 64], 64, "F32 [128, 128]"},
            {new float[128 * 128], 128, "all zeros"},
            {nan, 128, "NaN"},
            {skew, 128, "not symmetric"},
            {negative, 128, "negative diagonal"},
            {indefinite, 128, "large negative eigenvalues"}
        };
        for (Object[] one : cases) {
            int n = (int) one[1];
            Path file = new SafetensorsFixture()
                    .floats(Q + ".gram", (float[]) one[0], n, n)
                    .write(folder.resolve("bad.safetensors"));
            try (CalibrationFile calibration = CalibrationFile.open(file.toString())) {
                assertThatThrownBy(() -> models.run(in, out, request, Optional.of(calibration)))
                        .as("%s", one[2])
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining(Q + ".gram")
                        .hasMessageContaining((String) one[2]);
            }
        }
        assertThat(folder.resolve("out.partial")).doesNotExist();
        float[] mixed = new float[128];
        mixed[3] = 2;
        mixed[4] = -1;
        refusesMaxima(LowRankMethod.ASVD, mixed, Q + ".amax", "-1.0, which no magnitude is");
        refusesMaxima(LowRankMethod.ASVD, new float[128], Q + ".amax", "all zeros");
        mixed[4] = 1;
        refusesMaxima(LowRankMethod.WHITENED, mixed, Q + ".gram", "is missing, and the method whitened needs it");
        assertThatThrownBy(() ->
                        CalibrationFile.open(in.resolve("model.safetensors").toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("is no calibration");
    }
}
