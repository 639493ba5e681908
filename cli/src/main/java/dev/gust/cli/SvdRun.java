package dev.gust.cli;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.quantization.lowrank.Decomposer;
import dev.gust.quantization.lowrank.DenseAlgebra;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.Factors;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.lowrank.GramMatrix;
import dev.gust.quantization.lowrank.LayerInputs;
import dev.gust.quantization.lowrank.LowRankMethod;
import dev.gust.quantization.lowrank.Matrix;
import dev.gust.quantization.lowrank.RankBudget;
import dev.gust.quantization.lowrank.SvdOptions;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** {@code gust op svd}. */
final class SvdRun {
    private SvdRun() {}

    static OpRun.Result run(Models model, Device device, Map<String, String> attributes, int threads) {
        TensorSource source = model.input().source();
        TensorInfo info = OpRun.input(model, "w");
        if (info.shape().rank() != 2
                || info.shape().elements() == 0
                || info.shape().elements() > Integer.MAX_VALUE - 8) {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "is " + info.shape(),
                    "make it [M, N] with less than 2^31 elements");
        }
        int m = (int) info.shape().dim(0);
        int n = (int) info.shape().dim(1);
        SvdOptions options = options(attributes);
        Arena memory = Arena.ofShared();
        try {
            var w = new FloatMatrix(m, n, OpRun.floats(source, info, memory));
            requireFinite(source, info, w);
            Optional<Matrix> gram = gram(model, n, memory);
            var inputs = new LayerInputs(gram, Optional.empty(), 0, new LayerInputs.Origin(source.location(), ""));
            long start = System.nanoTime();
            var factorization = new Factorization(
                    gram.isPresent() ? LowRankMethod.WHITENED : LowRankMethod.SVD,
                    Factorization.USUAL_ALPHA,
                    new Decomposer(device, DenseAlgebra.best(), options, threads));
            Factors factors = factorization.of(w, rank(attributes, factorization, w, inputs), inputs);
            long nanoseconds = System.nanoTime() - start;
            int r = factors.rank();
            return new OpRun.Result(
                    factorization.method() == LowRankMethod.SVD ? "plain" : "whitened",
                    String.format(
                            Locale.ROOT,
                            "[%d, %d] to rank %d, %.2f %% of the energy, by %s",
                            m,
                            n,
                            r,
                            100 * factors.energy(),
                            factors.library()),
                    List.of(
                            tensor("a", Shape.of(m, r), factors.a(), memory),
                            tensor("b", Shape.of(r, n), factors.b(), memory),
                            tensor("s", Shape.of(r), new Matrix(1, r, factors.s()), memory)),
                    KernelTimes.ofTotal(nanoseconds),
                    memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private static Tensor tensor(String name, Shape shape, Matrix values, Arena memory) {
        var info = new TensorInfo(name, DType.F32, shape);
        MemorySegment floats = OpRun.room(info, memory);
        values.store(floats);
        return Tensor.view(info, floats);
    }

    private static Optional<Matrix> gram(Models model, int n, Arena memory) {
        TensorSource source = model.input().source();
        return OpRun.optional(model, "gram").map(info -> {
            MemorySegment floats = OpRun.optional(model, "gram", memory, n, n);
            requireFinite(source, info, new FloatMatrix(n, n, floats));
            Matrix gram = Matrix.of(floats, n, n);
            GramMatrix.problem(gram).ifPresent(problem -> {
                throw InputException.ofTensor(source.location(), info.name(), problem, "give it the sum of x·xᵀ");
            });
            return gram;
        });
    }

    private static void requireFinite(TensorSource source, TensorInfo info, FloatMatrix matrix) {
        matrix.firstNonFinite().ifPresent(at -> {
            throw InputException.ofTensor(
                    source.location(),
                    info.name(),
                    "NaN or infinity at [" + at / matrix.columns() + ", " + at % matrix.columns() + "]",
                    "repair it");
        });
    }

    private static int rank(
            Map<String, String> attributes, Factorization factorization, FloatMatrix w, LayerInputs inputs) {
        if (attributes.containsKey("rank") == attributes.containsKey("energy")) {
            throw new UsageException("svd takes a rank or an energy", "set one of them");
        }
        if (attributes.containsKey("rank")) {
            double rank = OpRun.number(attributes, "rank", 0);
            if (rank < 1 || rank > Math.min(w.rows(), w.columns()) || rank != Math.rint(rank)) {
                throw new UsageException(
                        "rank " + attributes.get("rank") + " of a matrix [" + w.rows() + ", " + w.columns() + "]",
                        "set a whole number from 1 to " + Math.min(w.rows(), w.columns()));
            }
            return (int) rank;
        }
        double energy = OpRun.number(attributes, "energy", 0);
        if (!(energy > 0 && energy <= 1)) {
            throw new UsageException("energy " + attributes.get("energy"), "set a share between 0 and 1");
        }
        return RankBudget.rankForEnergy(factorization.spectrum(w, inputs), energy);
    }

    private static SvdOptions options(Map<String, String> attributes) {
        double seed = OpRun.number(attributes, "seed", 0);
        SvdOptions options = SvdOptions.DEFAULT.withSeed((long) seed);
        return switch (OpRun.choice(attributes, "form", "auto", "exact", "randomized")) {
            case "exact" -> options.withForm(SvdOptions.Form.EXACT);
            case "randomized" -> options.withForm(SvdOptions.Form.RANDOMIZED);
            default -> options;
        };
    }
}
