package dev.gust.runtime.encoder;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.weight.LogicalModel;
import dev.gust.formats.weight.LogicalTensor;
import dev.gust.formats.weight.RowRange;
import dev.gust.formats.weight.ScratchBuffers;
import dev.gust.formats.weight.TensorEncoding;
import dev.gust.formats.weight.WeightReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** Finds an encoder's tensors by the names of Hugging Face's {@code BertModel}, which may have another module's in front. */
final class EncoderTensors {
    private static final String WORDS = "embeddings.word_embeddings.weight";

    private final LogicalModel model;
    private final Arena memory;
    private final String prefix;

    /**
     * Looks for the embeddings.
     *
     * @param memory for tensors that have to be decoded
     * @throws InputException if there are none, so that it is no such model
     */
    EncoderTensors(LogicalModel model, Arena memory) {
        this.model = model;
        this.memory = memory;
        this.prefix = model.tensors().stream()
                .map(LogicalTensor::name)
                .filter(name -> name.equals(WORDS) || name.endsWith("." + WORDS))
                .map(name -> name.substring(0, name.length() - WORDS.length()))
                .findFirst()
                .orElseThrow(() -> InputException.ofTensor(
                        location(),
                        WORDS,
                        "is missing, so this is no encoder of BERT's kind",
                        "give a folder, a file or an export with BertModel's names; gust inspect lists a model's"));
    }

    String location() {
        return model.source().location();
    }

    LogicalModel model() {
        return model;
    }

    /** The tensor's or module's name in this model. */
    String name(String name) {
        return prefix + name;
    }

    Optional<LogicalTensor> find(String name) {
        return model.find(name(name));
    }

    /** V and D of the words' embeddings. */
    Shape words() {
        Shape shape = find(WORDS).orElseThrow().shape();
        if (shape.rank() != 2 || shape.rows() < 1 || shape.columns() < 1 || shape.elements() > Integer.MAX_VALUE) {
            throw InputException.ofTensor(location(), name(WORDS), "is " + shape, "give it as [V, D]");
        }
        return shape;
    }

    /** A table of embeddings [V, D], whatever V is; nothing if it is not there. */
    Optional<MemorySegment> table(String module, int width) {
        return find(module + ".weight").map(found -> {
            if (found.shape().rank() != 2
                    || found.shape().columns() != width
                    || found.shape().rows() < 1) {
                throw InputException.ofTensor(
                        location(), found.name(), "is " + found.shape(), "give it as [V, " + width + "]");
            }
            return floats(found);
        });
    }

    /** A vector [D] of a module, under one of the names it had over the years. */
    MemorySegment vector(String module, int length, List<String> parameters) {
        LogicalTensor found = parameters.stream()
                .flatMap(parameter -> find(module + "." + parameter).stream())
                .findFirst()
                .orElseThrow(() -> InputException.ofTensor(
                        location(),
                        name(module + "." + parameters.getFirst()),
                        "is missing",
                        "gust inspect lists them"));
        return vector(found, length);
    }

    /** A linear layer's bias; {@link MemorySegment#NULL} if it has none. */
    MemorySegment bias(String module, int length) {
        return find(module + ".bias").map(found -> vector(found, length)).orElse(MemorySegment.NULL);
    }

    private MemorySegment vector(LogicalTensor found, int length) {
        if (!found.shape().equals(Shape.of(length))) {
            throw InputException.ofTensor(
                    location(), found.name(), "is " + found.shape(), "give it as [" + length + "]");
        }
        return floats(found);
    }

    /** The values as float32: where they lie if the file has them so, else in memory of the encoder's. */
    private MemorySegment floats(LogicalTensor tensor) {
        if (tensor.encoding().equals(new TensorEncoding.Plain(DType.F32))) {
            try (Tensor stored = model.source().open(tensor.stored().getFirst().name())) {
                if (stored.isView()) {
                    return stored.data();
                }
            }
        }
        long bytes = tensor.shape().elements() * Float.BYTES;
        MemorySegment floats = memory.allocate(bytes, 64);
        try (WeightReader reader = model.read(tensor);
                var scratch = new ScratchBuffers()) {
            long rowBytes = tensor.shape().columns() * Float.BYTES;
            for (RowRange rows : RowRange.cut(tensor.shape(), reader.rowBlock())) {
                floats.asSlice(rows.first() * rowBytes, rows.count() * rowBytes)
                        .copyFrom(reader.read(rows, scratch, 0));
            }
        }
        return floats;
    }
}
