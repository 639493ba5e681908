package dev.gust.benchmarks;

import dev.gust.formats.model.ModelFiles;
import dev.gust.formats.model.ModelInput;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.DenseAlgebra;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.Factors;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.lowrank.LayerInputs;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.lowrank.OutputError;
import dev.gust.quantization.lowrank.RankBudget;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.quantization.pipeline.WholeWeight;
import dev.gust.runtime.Devices;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What factors of a model's layers do to the layers' outputs, by method and rank, at equal ranks; and how low-rank its
 * weights are at all.
 */
final class LowRankErrors {
    private static final List<String> USUAL = List.of("32", "64", "96", "128", "160");
    private static final double[] ENERGIES = {0.9, 0.95, 0.99};

    private LowRankErrors() {}

    /**
     * Every layer that the calibration knows; means over layers of ‖(W − AB)·X‖ / ‖W·X‖.
     *
     * @param file the calibration that factors are made with
     * @param rest the calibration by whose inputs X they are judged, if it is another one, and ranks
     */
    static void print(String model, String file, List<String> rest) {
        boolean other = !rest.isEmpty() && !rest.getFirst().chars().allMatch(Character::isDigit);
        List<String> ranks = other ? rest.subList(1, rest.size()) : rest;
        int[] wanted = (ranks.isEmpty() ? USUAL : ranks)
                .stream().mapToInt(Integer::parseInt).toArray();
        try (ModelInput input = ModelFiles.open(model);
                CalibrationFile calibration = CalibrationFile.open(file);
                CalibrationFile judging = CalibrationFile.open(other ? rest.getFirst() : file);
                Device device = Devices.open(DeviceId.JVM)) {
            LogicalModel logical = LogicalModel.of(input.source(), Optional.empty());
            List<LogicalTensor> layers = logical.tensors().stream()
                    .filter(t -> t.shape().rank() == 2 && calibration.has(layer(t)))
                    .toList();
            var decomposer = new Decomposer(device, DenseAlgebra.best(), SvdOptions.DEFAULT, 0);
            Map<LowRankMethod, double[]> sums = new EnumMap<>(LowRankMethod.class);
            Map<String, double[]> energies = new TreeMap<>();
            for (LogicalTensor tensor : layers) {
                try (Arena memory = Arena.ofShared()) {
                    FloatMatrix w = WholeWeight.read(logical, tensor, memory);
                    LayerInputs inputs = calibration.layer(layer(tensor), w.columns());
                    add(energies, tensor.shape().toString(), decomposer.singularValues(w));
                    for (LowRankMethod method : LowRankMethod.values()) {
                        double[] sum = sums.computeIfAbsent(method, _ -> new double[wanted.length]);
                        var factorization = new Factorization(method, Factorization.USUAL_ALPHA, decomposer);
                        add(sum, wanted, factorization, w, inputs, judging.layer(layer(tensor), w.columns()));
                    }
                }
            }
            System.out.println("| rank | " + String.join(" | ", methods()) + " |");
            System.out.println("|---|" + "---|".repeat(sums.size()));
            for (int i = 0; i < wanted.length; i++) {
                StringBuilder line = new StringBuilder("| " + wanted[i]);
                for (double[] sum : sums.values()) {
                    line.append(String.format(" | %.4f", sum[i] / layers.size()));
                }
                System.out.println(line + " |");
            }
            energies.forEach((shape, counts) -> System.out.printf(
                    "%s, %.0f weights: 90 %% of the energy takes rank %.0f, 95 %% %.0f, 99 %% %.0f (means)%n",
                    shape, counts[3], counts[0] / counts[3], counts[1] / counts[3], counts[2] / counts[3]));
        }
    }

    private static void add(
            double[] sum,
            int[] ranks,
            Factorization factorization,
            FloatMatrix w,
            LayerInputs inputs,
            LayerInputs judging) {
        for (int i = 0; i < ranks.length; i++) {
            try (Arena memory = Arena.ofShared()) {
                Factors factors = factorization.of(w, Math.min(ranks[i], Math.min(w.rows(), w.columns())), inputs);
                FloatMatrix product = factorization
                        .decomposer()
                        .product(FloatMatrix.of(factors.a(), memory), FloatMatrix.of(factors.b(), memory), memory);
                sum[i] += OutputError.of(w, product, judging, factorization.decomposer())
                        .output()
                        .orElseThrow();
            }
        }
    }

    private static void add(Map<String, double[]> energies, String shape, double[] spectrum) {
        double[] counts = energies.computeIfAbsent(shape, _ -> new double[ENERGIES.length + 1]);
        for (int i = 0; i < ENERGIES.length; i++) {
            counts[i] += RankBudget.rankForEnergy(spectrum, ENERGIES[i]);
        }
        counts[ENERGIES.length]++;
    }

    private static List<String> methods() {
        return Arrays.stream(LowRankMethod.values()).map(LowRankMethod::label).toList();
    }

    private static String layer(LogicalTensor tensor) {
        String name = tensor.name();
        return name.endsWith(".weight") ? name.substring(0, name.length() - ".weight".length()) : name;
    }
}
