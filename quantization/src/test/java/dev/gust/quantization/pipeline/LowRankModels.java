package dev.gust.quantization.pipeline;

import dev.gust.formats.file.SafetensorsFixture;
import dev.gust.formats.measure.ErrorSums;
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
import dev.gust.runtime.device.Device;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A small model whose weights are near a low rank, and how it becomes factors.
 *
 * @param folder where it is written
 * @param device multiplies
 */
record LowRankModels(Path folder, Device device) {
    static final String Q = "layers.0.q_proj";
    static final String UP = "layers.0.up_proj";

    /** Two layers near rank 16 each, a thin one, an embedding and a norm. */
    static SafetensorsFixture tensors() {
        return new SafetensorsFixture()
                .floats("embed_tokens.weight", Pipelines.gaussian(1, 10 * 128), 10, 128)
                .floats(Q + ".weight", nearRank(2, 128, 128), 128, 128)
                .floats(Q + ".bias", Pipelines.gaussian(3, 128), 128)
                .floats(UP + ".weight", nearRank(4, 256, 128), 256, 128)
                .floats("layers.0.thin.weight", Pipelines.gaussian(5, 2 * 128), 2, 128)
                .floats("layers.0.norm.weight", Pipelines.gaussian(6, 128), 128);
    }

    static float[] nearRank(long seed, int m, int n) {
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

    Path model() {
        Path in = folder.resolve("in");
        Pipelines.write(in, "config.json", "{\"model_type\": \"llama\"}\n");
        tensors().write(in.resolve("model.safetensors"));
        return in;
    }

    LowRankRequest request(LowRankMethod method, RankChoice choice, String scheme, String residual, Path out) {
        return new LowRankRequest(method, choice, aim(scheme, out), aim(residual, out), TensorSelection.STANDARD);
    }

    static Optional<QuantizationRequest.Aim> aim(String scheme, Path out) {
        return scheme.isEmpty()
                ? Optional.empty()
                : Optional.of(QuantizationRequest.of(
                                scheme, Optional.empty(), Optional.empty(), TensorSelection.STANDARD, out)
                        .aim());
    }

    List<TensorOutcome> run(Path in, Path out, LowRankRequest request, Optional<CalibrationFile> calibration) {
        var decomposer = new Decomposer(device, new EjmlAlgebra(), SvdOptions.DEFAULT, 1);
        var factorization = new Factorization(request.method(), 0.5, decomposer);
        RunOptions run = Pipelines.threads(1);
        return Pipelines.run(
                in, run, (i, m) -> LowRankPlanner.plan(i, m, request, factorization, calibration, run, out));
    }

    List<TensorOutcome> plain(Path in, Path out, RankChoice choice) {
        return run(in, out, request(LowRankMethod.SVD, choice, "", "", out), Optional.empty());
    }

    static ErrorSums difference(Path a, Path b, String tensor) {
        try (Pipelines.Opened left = Pipelines.open(a);
                Pipelines.Opened right = Pipelines.open(b)) {
            return ModelComparison.of(left.model(), right.model(), 1, Progress.NONE).tensors().stream()
                    .filter(r -> r.name().equals(tensor))
                    .findFirst()
                    .orElseThrow()
                    .error();
        }
    }

    static double error(ErrorSums sums) {
        return Math.sqrt(sums.error() / sums.signal());
    }

    static List<ModelAudit.Finding> audit(Path model) {
        try (Pipelines.Opened opened = Pipelines.open(model)) {
            return ModelAudit.of(opened.model(), opened.input().config(), 1, Progress.NONE);
        }
    }

    static Optional<LowRankWeight> factors(Path model, String layer) {
        try (Pipelines.Opened opened = Pipelines.open(model)) {
            return opened.model().lowRank(layer);
        }
    }
}
