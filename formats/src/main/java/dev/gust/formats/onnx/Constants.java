package dev.gust.formats.onnx;

import dev.gust.formats.onnx.OnnxModel.Graph;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Small constants of a graph by the name of their value: results of Constant nodes, and initialisers. */
final class Constants {
    /** Shapes and settings; anything longer is a weight. */
    private static final int MAX_ELEMENTS = 16;

    /** A message far longer than such a constant is no such constant, and reading it again and again would take long. */
    private static final long MAX_MESSAGE_BYTES = 4096;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final MemorySegment file;
    private final String location;
    private final Map<String, TensorProto> values = new HashMap<>();

    Constants(Graph graph, MemorySegment file, String location) {
        this.file = file;
        this.location = location;
        graph.initialisers().forEach(proto -> put(proto.name(), proto));
        graph.nodes().stream()
                .filter(node -> node.op().equals("Constant") && node.outputs().size() == 1)
                .forEach(node ->
                        node.value().ifPresent(proto -> put(node.outputs().getFirst(), proto)));
    }

    private void put(String name, TensorProto proto) {
        if (proto.message().length() <= MAX_MESSAGE_BYTES) {
            values.put(name, proto);
        }
    }

    /** The elements of an INT64 constant; empty if there is no such value or it is something else. */
    List<Long> integers(String value) {
        return bytes(value, OnnxType.INT64)
                .map(bytes -> IntStream.range(0, (int) (bytes.byteSize() / Long.BYTES))
                        .mapToObj(i -> bytes.get(LONG, (long) Long.BYTES * i))
                        .toList())
                .orElse(List.of());
    }

    /** The only element of a FLOAT constant. */
    Optional<Float> real(String value) {
        return bytes(value, OnnxType.FLOAT)
                .filter(bytes -> bytes.byteSize() == Float.BYTES)
                .map(bytes -> bytes.get(FLOAT, 0));
    }

    private Optional<MemorySegment> bytes(String value, OnnxType type) {
        TensorProto proto = values.get(value);
        if (proto == null
                || proto.external().isPresent()
                || !OnnxType.byCode(proto.typeCode()).equals(Optional.of(type))) {
            return Optional.empty();
        }
        if (proto.raw().isPresent()) {
            var raw = proto.raw().get();
            return Optional.of(file.asSlice(raw.offset(), raw.length())).filter(b -> isSmall(b.byteSize(), type));
        }
        var elements = new TypedElements(file, location, proto, type);
        long size = elements.byteSize();
        if (!isSmall(size, type)) {
            return Optional.empty();
        }
        MemorySegment decoded = MemorySegment.ofArray(new byte[(int) size]);
        elements.decode(decoded);
        return Optional.of(decoded);
    }

    private static boolean isSmall(long bytes, OnnxType type) {
        return bytes % type.entryBytes() == 0 && bytes / type.entryBytes() <= MAX_ELEMENTS;
    }
}
