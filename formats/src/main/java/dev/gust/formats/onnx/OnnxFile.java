package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.file.MappedFile;
import dev.gust.formats.file.TensorSource;
import dev.gust.formats.onnx.OnnxModel.Graph;
import dev.gust.formats.onnx.WeightRoles.Role;
import dev.gust.formats.tensor.DType;
import dev.gust.formats.tensor.Shape;
import dev.gust.formats.tensor.Tensor;
import dev.gust.formats.tensor.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The initialisers of an ONNX model as tensors, named and oriented as the frameworks that made it had them: a matrix
 * that MatMul multiplies by is presented as [out, in], and one whose name the exporter lost gets it back from the node
 * that uses it ({@code /encoder/layer.0/attention/self/query/MatMul} gives
 * {@code encoder.layer.0.attention.self.query.weight}). Weights of higher rank, and those that other operators use too,
 * stay as they are.
 */
public final class OnnxFile implements TensorSource {
    private static final long ALIGNMENT = 64;

    private final String location;
    private final MappedFile file;
    private final ExternalData external;
    private final OnnxModel model;
    private final Map<String, Weight> weights;
    private final List<TensorInfo> tensors;
    private final List<String> notes;

    /** Where a weight's elements are. */
    private sealed interface Content {
        /** In a file, as we want them. */
        record InPlace(MemorySegment bytes) implements Content {}

        /** In a list to be decoded. */
        record Typed(TypedElements elements) implements Content {}
    }

    /**
     * A weight that can be opened.
     *
     * @param info as it is presented
     * @param role what it is for
     * @param content its elements, as they are stored
     */
    private record Weight(TensorInfo info, Role role, Content content) {
        boolean turned() {
            // Halves of bytes do not move on their own.
            return role.transposed() && info.dtype().blockElements() == 1;
        }
    }

    private OnnxFile(
            String location,
            MappedFile file,
            ExternalData external,
            OnnxModel model,
            Map<String, Weight> weights,
            List<String> notes) {
        this.location = location;
        this.file = file;
        this.external = external;
        this.model = model;
        this.weights = weights;
        this.notes = List.copyOf(notes);
        this.tensors = weights.values().stream().map(Weight::info).toList();
    }

    /**
     * Maps a model, reads its graph and checks every initialiser.
     *
     * @throws InputException if it is not ONNX, is damaged, or names data outside its folder
     */
    public static OnnxFile open(Path path) {
        return open(path, path.toString());
    }

    /**
     * As {@link #open(Path)}.
     *
     * @param location how errors and {@link #location()} call the file
     */
    public static OnnxFile open(Path path, String location) {
        MappedFile file = MappedFile.open(path, location);
        var external = new ExternalData(path, location);
        try {
            OnnxModel model = OnnxModel.parse(file.data(), location);
            Map<String, Weight> weights = new LinkedHashMap<>();
            List<String> notes = new ArrayList<>();
            for (Role role : WeightRoles.of(model.graph(), location)) {
                Optional<OnnxType> type = OnnxType.byCode(role.proto().typeCode());
                Optional<DType> dtype = type.flatMap(OnnxType::dtype);
                if (type.isPresent() && dtype.isPresent()) {
                    weights.put(role.name(), weight(file.data(), location, external, role, type.get(), dtype.get()));
                } else {
                    notes.add("tensor '" + role.name() + "' is left out: there is no counterpart for ONNX type "
                            + type.map(OnnxType::name)
                                    .orElse("code " + role.proto().typeCode()));
                }
            }
            return new OnnxFile(location, file, external, model, weights, notes);
        } catch (RuntimeException e) {
            external.close();
            file.close();
            throw e;
        }
    }

    private static Weight weight(
            MemorySegment file, String location, ExternalData external, Role role, OnnxType type, DType dtype) {
        Sized sized = stored(location, role, dtype);
        TensorInfo stored = sized.info();
        TensorProto proto = role.proto();
        Content content;
        long found;
        if (proto.external().isPresent()) {
            content = new Content.InPlace(
                    external.data(role.name(), proto.external().get(), sized.bytes()));
            found = sized.bytes();
        } else if (proto.raw().isPresent()) {
            var raw = proto.raw().get();
            content = new Content.InPlace(file.asSlice(raw.offset(), raw.length()));
            found = raw.length();
        } else {
            var elements = new TypedElements(file, location, proto, type);
            found = elements.byteSize();
            content = elements.inPlace()
                    .<Content>map(span -> new Content.InPlace(file.asSlice(span.offset(), span.length())))
                    .orElseGet(() -> new Content.Typed(elements));
        }
        if (found != sized.bytes()) {
            throw InputException.ofTensor(
                    location,
                    role.name(),
                    "holds " + found + " bytes, but " + dtype + " " + stored.shape() + " takes " + sized.bytes(),
                    "the file is damaged; export the model again");
        }
        var weight = new Weight(stored, role, content);
        if (!weight.turned()) {
            return weight;
        }
        var turned = Shape.of(stored.shape().dim(1), stored.shape().dim(0));
        return new Weight(new TensorInfo(role.name(), dtype, turned), role, content);
    }

    /** A tensor whose size is known to fit a long. */
    private record Sized(TensorInfo info, long bytes) {}

    private static Sized stored(String location, Role role, DType dtype) {
        long[] dims = role.proto().dims();
        try {
            var info = new TensorInfo(role.name(), dtype, Shape.of(dims));
            return new Sized(info, info.byteSize());
        } catch (ArithmeticException | IllegalArgumentException e) {
            throw InputException.ofTensor(
                    location,
                    role.name(),
                    "cannot have shape " + Arrays.toString(dims) + ": " + e.getMessage(),
                    "the file is damaged; export the model again");
        }
    }

    @Override
    public String location() {
        return location;
    }

    @Override
    public String format() {
        return "onnx";
    }

    /** Producer, version of the format, and the exporter's own entries. */
    @Override
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(model.metadata());
    }

    @Override
    public List<TensorInfo> tensors() {
        return tensors;
    }

    @Override
    public Optional<TensorInfo> find(String name) {
        return Optional.ofNullable(weights.get(name)).map(Weight::info);
    }

    /** The matrices that linear layers multiply by, presented as [out, in]. */
    public Set<String> linearWeights() {
        return weights.values().stream()
                .filter(weight -> weight.role().linear()
                        && weight.turned() == weight.role().transposed())
                .map(weight -> weight.info().name())
                .collect(Collectors.toCollection(LinkedHashSet::new));
    }

    /** What was left out of {@link #tensors()} and why, one sentence each. */
    public List<String> notes() {
        return notes;
    }

    Graph graph() {
        return model.graph();
    }

    MemorySegment bytes() {
        return file.data();
    }

    /** {@inheritDoc} A matrix that is stored as [in, out] is transposed into memory that the tensor owns. */
    @Override
    public Tensor open(String name) {
        Weight weight = weights.get(name);
        if (weight == null) {
            throw new NoSuchElementException("no tensor '" + name + "' in " + location);
        }
        if (!weight.turned() && weight.content() instanceof Content.InPlace(MemorySegment bytes)) {
            return Tensor.view(weight.info(), bytes);
        }
        Arena arena = Arena.ofShared();
        try {
            MemorySegment data = arena.allocate(weight.info().byteSize(), ALIGNMENT);
            if (weight.turned()) {
                transpose(weight, data);
            } else {
                decode(weight, data);
            }
            return Tensor.owning(weight.info(), data.asReadOnly(), arena::close);
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static void transpose(Weight weight, MemorySegment to) {
        Shape shape = weight.info().shape();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment from = switch (weight.content()) {
                case Content.InPlace(MemorySegment bytes) -> bytes;
                case Content.Typed typed -> decode(weight, arena.allocate(to.byteSize(), ALIGNMENT));
            };
            Transposition.transpose(
                    from, shape.dim(1), shape.dim(0), weight.info().dtype().blockBytes(), to);
        }
    }

    private static MemorySegment decode(Weight weight, MemorySegment to) {
        if (weight.content() instanceof Content.Typed(TypedElements elements)) {
            elements.decode(to);
        }
        return to;
    }

    @Override
    public void close() {
        external.close();
        file.close();
    }
}
