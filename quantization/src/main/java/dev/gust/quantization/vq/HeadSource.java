package dev.gust.quantization.vq;

import dev.gust.formats.InputException;
import dev.gust.formats.OutputException;
import dev.gust.formats.UsageException;
import dev.gust.formats.model.TensorFiles;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import dev.gust.formats.vqhead.HeadMetadata;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.formats.weight.WeightReader;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * The matrix of a model that becomes an output head.
 *
 * @param location the model, for errors
 * @param name the matrix
 * @param rows its values
 * @param exact the rows as they go into the file: as stored if that is F32, F16 or BF16, else F32
 * @param bias float32 [V]
 */
public record HeadSource(String location, String name, Vectors rows, Tensor exact, Optional<Tensor> bias) {
    private static final List<String> USUAL = List.of("lm_head.weight", "output.weight");
    private static final Set<DType> EXACT = Set.of(DType.F32, DType.F16, DType.BF16);

    /**
     * Reads the matrix.
     *
     * @param run its memory receives the values
     * @param name the matrix; nothing for the first there is of lm_head.weight and output.weight
     * @param bias the bias, if there is one
     * @throws InputException if it is not there, is no matrix, or holds NaN or infinity
     * @throws UsageException if no name was given and none of the usual ones is there
     */
    public static HeadSource read(TrainingRun run, LogicalModel model, Optional<String> name, Optional<String> bias) {
        LogicalTensor matrix = matrix(model, name);
        Shape shape = matrix.shape();
        String location = model.source().location();
        if (shape.rank() != 2 || shape.elements() == 0 || shape.dim(0) > Integer.MAX_VALUE / 2) {
            throw InputException.ofTensor(
                    location, matrix.name(), "is " + shape, "name a matrix [V, D] of fewer than 2^30 rows");
        }
        Vectors rows = Vectors.zeros(run.memory(), (int) shape.dim(0), Math.toIntExact(shape.columns()));
        values(run, model, matrix, rows.data());
        requireFinite(location, matrix.name(), rows);
        Tensor exact = matrix.encoding() instanceof TensorEncoding.Plain(var dtype) && EXACT.contains(dtype)
                ? stored(run, model, matrix, dtype)
                : Tensor.view(new TensorInfo("weight", DType.F32, shape), rows.data());
        return new HeadSource(location, matrix.name(), rows, exact, bias.map(b -> bias(run, model, b, shape.dim(0))));
    }

    private static LogicalTensor matrix(LogicalModel model, Optional<String> name) {
        Stream<String> names = name.map(Stream::of).orElseGet(USUAL::stream);
        return names.flatMap(n -> model.find(n).stream())
                .findFirst()
                .orElseThrow(() -> name.isPresent()
                        ? InputException.ofTensor(
                                model.source().location(),
                                name.get(),
                                "is not in the model",
                                "gust inspect names its tensors")
                        : new UsageException(
                                model.source().location() + " has no " + String.join(" or ", USUAL),
                                "name the matrix with --tensor; gust inspect names all"));
    }

    private static void values(TrainingRun run, LogicalModel model, LogicalTensor tensor, MemorySegment to) {
        try (WeightReader reader = model.read(tensor)) {
            List<RowRange> pieces = RowRange.cut(tensor.shape(), reader.rowBlock());
            long rowBytes = tensor.shape().columns() * Float.BYTES;
            run.forRows(pieces.size(), 1, (first, end) -> {
                try (var scratch = new ScratchBuffers()) {
                    for (long i = first; i < end; i++) {
                        RowRange piece = pieces.get((int) i);
                        MemorySegment floats = reader.read(piece, scratch, 0);
                        MemorySegment.copy(floats, 0, to, piece.first() * rowBytes, piece.count() * rowBytes);
                    }
                }
            });
        }
    }

    private static Tensor stored(TrainingRun run, LogicalModel model, LogicalTensor tensor, DType dtype) {
        var info = new TensorInfo("weight", dtype, tensor.shape());
        MemorySegment copy = run.memory().allocate(info.byteSize(), 64);
        try (Tensor stored = model.source().open(tensor.stored().getFirst().name())) {
            copy.copyFrom(stored.data());
        }
        return Tensor.view(info, copy);
    }

    private static Tensor bias(TrainingRun run, LogicalModel model, String name, long rows) {
        String location = model.source().location();
        LogicalTensor tensor = model.find(name)
                .orElseThrow(() -> InputException.ofTensor(
                        location, name, "is not in the model", "gust inspect names its tensors"));
        if (!tensor.shape().equals(Shape.of(rows))) {
            throw InputException.ofTensor(location, name, "is " + tensor.shape(), "name a bias [" + rows + "]");
        }
        Vectors values = Vectors.zeros(run.memory(), 1, Math.toIntExact(rows));
        values(run, model, tensor, values.data());
        requireFinite(location, name, values);
        return Tensor.view(new TensorInfo("bias", DType.F32, tensor.shape()), values.data());
    }

    private static void requireFinite(String location, String name, Vectors values) {
        try {
            values.requireFinite();
        } catch (InputException e) {
            throw InputException.ofTensor(location, name, String.valueOf(e.getMessage()), "repair the model");
        }
    }

    /** Bytes of rows that training goes through, at most. */
    public long bytesToTrain(HeadRequest request) {
        long bytes = rows.data().byteSize();
        return switch (request.method()) {
            case KMEANS, SPHERICAL -> bytes * request.training().iterations();
            case RVQ -> bytes * request.partsFor(rows.length());
            case PQ -> request.scoreWeight() > 0 ? 2 * bytes : bytes;
            default -> bytes;
        };
    }

    /**
     * Trains a head.
     *
     * @throws InputException if the matrix does not suit the request, naming it
     */
    public TrainedHead train(TrainingRun run, HeadRequest request) {
        try {
            return TrainedHead.train(run, rows, request);
        } catch (InputException e) {
            throw InputException.ofTensor(location, name, String.valueOf(e.getMessage()), "nothing was written");
        }
    }

    /**
     * Writes a head, whole or not at all.
     *
     * @throws OutputException if that fails
     */
    public void write(Path out, TrainedHead head) {
        var tensors = new ArrayList<>(head.tensors());
        tensors.add(exact);
        bias.ifPresent(tensors::add);
        var settings = head.settings().deepCopy().put("tensor", name);
        TensorFiles.write(out, tensors, Map.of(HeadMetadata.KEY, settings.toString()));
    }

    /** Bytes of an exact row. */
    public long exactRowBytes() {
        return exact.info().byteSize() / rows.count();
    }
}
