package dev.gust.quantization.audit;

import dev.gust.formats.InputException;
import dev.gust.formats.measure.ErrorSums;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.formats.weight.WeightReader;
import dev.gust.quantization.pipeline.PiecePool;
import dev.gust.quantization.pipeline.Progress;
import java.util.ArrayList;
import java.util.List;

/**
 * Compares the values of two models tensor by tensor, however each stores them. The first is the reference: its energy
 * is the signal of the ratio.
 *
 * @param tensors the tensors both have, in the reference's order
 * @param onlyInReference tensors the other model lacks
 * @param onlyInOther tensors the reference lacks
 * @param overall over all values of float tensors together: positions and other integers would drown their errors
 */
public record ModelComparison(
        List<Row> tensors, List<String> onlyInReference, List<String> onlyInOther, ErrorSums overall) {
    /**
     * One tensor of both models.
     *
     * @param name its name
     * @param referenceEncoding how the reference stores it
     * @param otherEncoding how the other model does
     * @param isFloat whether the reference holds real numbers, not counts or flags
     * @param error of the other against the reference
     */
    public record Row(String name, String referenceEncoding, String otherEncoding, boolean isFloat, ErrorSums error) {}

    /**
     * Compares.
     *
     * @throws InputException if no tensor is in both, if one differs in shape, or if a value cannot be decoded
     */
    public static ModelComparison of(LogicalModel reference, LogicalModel other, int threads, Progress progress) {
        var rows = new ArrayList<Row>();
        var onlyInReference = new ArrayList<String>();
        progress.begin(
                "comparing",
                reference.tensors().stream().mapToLong(LogicalTensor::byteSize).sum());
        try (var pool = new PiecePool(threads, () -> false, "")) {
            for (LogicalTensor tensor : reference.tensors()) {
                var twin = other.find(tensor.name());
                if (twin.isEmpty()) {
                    onlyInReference.add(tensor.name());
                } else if (isNumeric(tensor) && isNumeric(twin.get())) {
                    rows.add(compare(reference, tensor, other, twin.get(), pool));
                }
                progress.advance(tensor.name(), tensor.byteSize());
            }
        } finally {
            progress.end();
        }
        if (rows.isEmpty()) {
            throw InputException.of(
                    other.source().location(),
                    "has no tensor in common with " + reference.source().location(),
                    "compare two forms of the same model");
        }
        List<String> onlyInOther = other.tensors().stream()
                .map(LogicalTensor::name)
                .filter(n -> reference.find(n).isEmpty())
                .toList();
        ErrorSums overall = ErrorSums.NONE;
        for (Row row : rows) {
            if (row.isFloat()) {
                overall = overall.merge(row.error());
            }
        }
        return new ModelComparison(List.copyOf(rows), List.copyOf(onlyInReference), onlyInOther, overall);
    }

    private static boolean isNumeric(LogicalTensor tensor) {
        return !(tensor.encoding() instanceof TensorEncoding.Plain(var dtype)) || dtype.kind() != DType.Kind.COMPLEX;
    }

    private static boolean isFloat(LogicalTensor tensor) {
        return !(tensor.encoding() instanceof TensorEncoding.Plain(var dtype))
                || dtype.kind() == DType.Kind.FLOAT
                || dtype.kind() == DType.Kind.BLOCK;
    }

    private static Row compare(
            LogicalModel reference, LogicalTensor a, LogicalModel other, LogicalTensor b, PiecePool pool) {
        if (!a.shape().equals(b.shape())) {
            throw InputException.ofTensor(
                    other.source().location(),
                    b.name(),
                    "has shape " + b.shape() + ", but " + a.shape() + " in "
                            + reference.source().location(),
                    "compare two forms of the same model");
        }
        try (WeightReader left = reference.read(a);
                WeightReader right = other.read(b)) {
            List<RowRange> pieces = RowRange.cut(a.shape(), Math.max(left.rowBlock(), right.rowBlock()));
            var errors = new ErrorSums[pieces.size()];
            pool.forEach(
                    pieces.size(),
                    (i, scratch) -> errors[i] =
                            ErrorSums.of(left.read(pieces.get(i), scratch, 0), right.read(pieces.get(i), scratch, 8)));
            ErrorSums sum = ErrorSums.NONE;
            for (ErrorSums piece : errors) {
                sum = sum.merge(piece);
            }
            return new Row(a.name(), a.encoding().label(), b.encoding().label(), isFloat(a), sum);
        }
    }
}
