package dev.gust.quantization.pipeline;

import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.lowrank.OutputError;
import java.lang.foreign.Arena;
import java.util.Optional;

/**
 * How far the factors of one weight are from it, read from the files of both: what a resumed run had finished before is
 * measured, too.
 *
 * @param weight with residual: in the weight, and in the outputs if the Gram matrix is known
 * @param factors the same of the factors alone
 */
public record LowRankMeasurement(OutputError weight, OutputError factors) {
    /**
     * Measures.
     *
     * @param original the model before
     * @param task what was done
     * @param written the model after
     */
    public static LowRankMeasurement of(LogicalModel original, FactorizeTask task, LogicalModel written) {
        LogicalTensor stored = written.find(task.source().name()).orElseThrow();
        LowRankWeight factors = ((TensorEncoding.LowRank) stored.encoding()).weight();
        var inputs = task.inputs();
        var decomposer = task.factorization().decomposer();
        try (Arena memory = Arena.ofShared()) {
            FloatMatrix w = WholeWeight.read(original, task.source(), memory);
            OutputError all = OutputError.of(w, WholeWeight.read(written, stored, memory), inputs, decomposer);
            if (factors.residual().isEmpty()) {
                return new LowRankMeasurement(all, all);
            }
            var alone = new LowRankWeight(factors.layer(), factors.a(), factors.b(), Optional.empty());
            var product = new LogicalTensor(
                    stored.name(), stored.shape(), new TensorEncoding.LowRank(alone), stored.stored());
            return new LowRankMeasurement(
                    all, OutputError.of(w, WholeWeight.read(written, product, memory), inputs, decomposer));
        }
    }
}
