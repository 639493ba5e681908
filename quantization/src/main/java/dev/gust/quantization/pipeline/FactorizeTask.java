package dev.gust.quantization.pipeline;

import dev.gust.formats.InputException;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.LowRankWeight;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.quantization.lowrank.CalibrationFile;
import dev.gust.quantization.lowrank.Factorization;
import dev.gust.quantization.lowrank.Factors;
import dev.gust.quantization.lowrank.FloatMatrix;
import dev.gust.quantization.lowrank.LayerInputs;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Stores a weight as two factors, with or without a residual. The weight and all that is made of it are in memory at
 * once, outside the heap: about six times the weight's float32 values.
 *
 * @param source the weight [M, N]
 * @param layer name of its layer
 * @param rank r
 * @param factors how the factors are stored
 * @param residual how the residual is stored; empty if there is none
 * @param factorization finds the factors
 * @param calibration what is known of the layers' inputs; empty if nothing is
 * @param reason why the rank is not the one that was asked for; empty if it is
 */
public record FactorizeTask(
        LogicalTensor source,
        String layer,
        int rank,
        MatrixForm factors,
        Optional<MatrixForm> residual,
        Factorization factorization,
        Optional<CalibrationFile> calibration,
        String reason)
        implements TensorTask {

    private String aName() {
        return factors.factorName(layer + LowRankWeight.A_SUFFIX);
    }

    private String bName() {
        return factors.factorName(layer + LowRankWeight.B_SUFFIX);
    }

    @Override
    public List<TensorInfo> outputs() {
        long m = source.shape().dim(0);
        long n = source.shape().dim(1);
        var outputs = new ArrayList<>(factors.stored(aName(), Shape.of(m, rank)));
        outputs.addAll(factors.stored(bName(), Shape.of(rank, n)));
        residual.ifPresent(form -> outputs.addAll(form.stored(source.name(), source.shape())));
        return outputs;
    }

    @Override
    public String encoding() {
        return "lowrank/" + factors.label() + residual.map(r -> "+" + r.label()).orElse("");
    }

    /** Numbers that are stored instead of the weight's: both factors', and the residual's. */
    public long parameters() {
        long m = source.shape().dim(0);
        long n = source.shape().dim(1);
        return rank * (m + n) + (residual.isPresent() ? m * n : 0);
    }

    /** What is known of the layer's inputs. */
    public LayerInputs inputs() {
        return calibration
                .filter(c -> c.has(layer))
                .map(c -> c.layer(layer, Math.toIntExact(source.shape().dim(1))))
                .orElse(LayerInputs.UNKNOWN);
    }

    @Override
    public List<RowRange> pieces() {
        return RowRange.cut(source.shape(), 1);
    }

    @Override
    public OpenTask open(LogicalModel model, float magnitude) {
        Arena memory = Arena.ofShared();
        try {
            return work(model, memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    private OpenTask work(LogicalModel model, Arena memory) {
        String location = model.source().location();
        FloatMatrix weight = WholeWeight.read(model, source, memory);
        Factors found = factorization.of(weight, rank, inputs());
        MatrixForm.Encoded a = encode(location, aName(), factors, FloatMatrix.of(found.a(), memory), memory);
        MatrixForm.Encoded b = encode(location, bName(), factors, FloatMatrix.of(found.b(), memory), memory);
        var bytes = new LinkedHashMap<>(a.bytes());
        bytes.putAll(b.bytes());
        FloatMatrix restored = factorization.decomposer().product(a.restored(), b.restored(), memory);
        if (residual.isPresent()) {
            FloatMatrix rest = weight.plus(restored, -1, memory);
            MatrixForm.Encoded stored = encode(location, source.name(), residual.get(), rest, memory);
            bytes.putAll(stored.bytes());
            restored = restored.plus(stored.restored(), 1, memory);
        }
        return new Open(memory, weight, restored, bytes);
    }

    /** Factors may be far larger than weights where inputs are far smaller than others. */
    private static MatrixForm.Encoded encode(
            String location, String name, MatrixForm form, FloatMatrix matrix, Arena memory) {
        if (matrix.firstNonFinite().isEmpty()) {
            MatrixForm.Encoded encoded = form.encode(name, matrix, memory);
            if (encoded.restored().firstNonFinite().isEmpty()) {
                return encoded;
            }
        }
        throw InputException.ofTensor(
                location,
                name,
                "a value of the factor is too large for " + form.label(),
                "choose another --method, or store the model as F32 first (gust dequantize)");
    }

    private record Open(Arena memory, FloatMatrix weight, FloatMatrix restored, Map<TensorInfo, MemorySegment> bytes)
            implements OpenTask {
        @Override
        public ErrorSums run(RowRange rows, ScratchBuffers scratch, Sink sink) {
            if (rows.first() == 0) {
                bytes.forEach((tensor, data) -> sink.write(tensor, 0, data));
            }
            long first = rows.first() * weight.columns() * Float.BYTES;
            long size = rows.count() * weight.columns() * Float.BYTES;
            return ErrorSums.of(
                    weight.values().asSlice(first, size), restored.values().asSlice(first, size));
        }

        @Override
        public void close() {
            memory.close();
        }
    }
}
