package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.onnx.WireReader.Span;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * As much of an ONNX model as it takes to find its weights and say what they are for: the graph's nodes and
 * initialisers. Field numbers are those of ONNX's published schema, version 3 of the protobuf language.
 *
 * @param metadata producer, versions and the exporter's own entries
 * @param graph the main graph
 */
record OnnxModel(Map<String, String> metadata, Graph graph) {
    /** A loop in a branch in a loop is 3; each level costs stack. */
    private static final int MAX_DEPTH = 16;

    /** A node of two bytes becomes an object of a hundred: far more than any model has, and no danger to memory. */
    private static final int MAX_ITEMS = 1 << 20;

    /** A graph, or the body of a branch or loop. */
    record Graph(List<Node> nodes, List<TensorProto> initialisers, List<String> inputs, List<String> outputs) {}

    /**
     * An operation.
     *
     * @param name a path that the exporter made of module names; may be empty
     * @param op the operator
     * @param inputs names of values; an empty one is an input left out
     * @param outputs names of values
     * @param transB Gemm: whether the second matrix is stored transposed
     * @param perm Transpose: the order of dimensions; empty to turn them around
     * @param epsilon LayerNormalization: the constant under the root, if given
     * @param value Constant: the tensor, if it is one
     * @param bodies graphs inside this node
     */
    record Node(
            String name,
            String op,
            List<String> inputs,
            List<String> outputs,
            boolean transB,
            List<Long> perm,
            Optional<Float> epsilon,
            Optional<TensorProto> value,
            List<Graph> bodies) {}

    static OnnxModel parse(MemorySegment data, String location) {
        return new Parse(data, location).model();
    }

    /** Reads an entry of ONNX's lists of texts by name. */
    static Map.Entry<String, String> keyAndValue(WireReader reader) {
        String key = "";
        String value = "";
        while (reader.next()) {
            switch (reader.field()) {
                case 1 -> key = reader.text();
                case 2 -> value = reader.text();
                default -> reader.skip();
            }
        }
        return Map.entry(key, value);
    }

    private static final class Parse {
        private final MemorySegment data;
        private final String location;
        private int items;

        Parse(MemorySegment data, String location) {
            this.data = data;
            this.location = location;
        }

        OnnxModel model() {
            Map<String, String> metadata = new LinkedHashMap<>();
            Optional<Graph> graph = Optional.empty();
            var reader = new WireReader(data, location, new Span(0, data.byteSize()));
            while (reader.next()) {
                switch (reader.field()) {
                    case 1 -> metadata.put("ir_version", Long.toString(reader.varint()));
                    case 2 -> metadata.put("producer_name", reader.text());
                    case 3 -> metadata.put("producer_version", reader.text());
                    case 7 -> {
                        if (graph.isPresent()) {
                            throw InputException.of(location, "holds two graphs", "the file is damaged");
                        }
                        graph = Optional.of(graph(reader.message(), 1));
                    }
                    case 14 -> {
                        Map.Entry<String, String> entry = keyAndValue(reader.message());
                        metadata.putIfAbsent(entry.getKey(), entry.getValue());
                        count();
                    }
                    default -> reader.skip();
                }
            }
            return new OnnxModel(
                    metadata,
                    graph.orElseThrow(() ->
                            InputException.of(location, "holds no graph", "the file is damaged, or is not ONNX")));
        }

        private Graph graph(WireReader reader, int depth) {
            if (depth > MAX_DEPTH) {
                throw InputException.of(
                        location, "graphs are nested more than " + MAX_DEPTH + " deep", "the file is damaged");
            }
            count();
            List<Node> nodes = new ArrayList<>();
            List<TensorProto> initialisers = new ArrayList<>();
            List<String> inputs = new ArrayList<>();
            List<String> outputs = new ArrayList<>();
            while (reader.next()) {
                switch (reader.field()) {
                    case 1 -> nodes.add(node(reader.message(), depth));
                    case 5 -> {
                        count();
                        initialisers.add(TensorProto.parse(data, location, reader.bytes()));
                    }
                    case 11 -> inputs.add(valueName(reader.message()));
                    case 12 -> outputs.add(valueName(reader.message()));
                    default -> reader.skip();
                }
            }
            return new Graph(nodes, initialisers, inputs, outputs);
        }

        private String valueName(WireReader reader) {
            count();
            String name = "";
            while (reader.next()) {
                if (reader.field() == 1) {
                    name = reader.text();
                } else {
                    reader.skip();
                }
            }
            return name;
        }

        private Node node(WireReader reader, int depth) {
            count();
            String name = "";
            String op = "";
            List<String> inputs = new ArrayList<>(2);
            List<String> outputs = new ArrayList<>(1);
            var attributes = new Attributes();
            while (reader.next()) {
                switch (reader.field()) {
                    case 1 -> {
                        count();
                        inputs.add(reader.text());
                    }
                    case 2 -> {
                        count();
                        outputs.add(reader.text());
                    }
                    case 3 -> name = reader.text();
                    case 4 -> op = reader.text();
                    case 5 -> attribute(reader.message(), attributes, depth);
                    default -> reader.skip();
                }
            }
            return new Node(
                    name,
                    op,
                    inputs,
                    outputs,
                    attributes.transB,
                    attributes.perm,
                    attributes.epsilon,
                    attributes.value,
                    attributes.bodies);
        }

        /** What one node's attributes say, gathered while they are read. */
        private static final class Attributes {
            private boolean transB;
            private List<Long> perm = List.of();
            private Optional<Float> epsilon = Optional.empty();
            private Optional<TensorProto> value = Optional.empty();
            private final List<Graph> bodies = new ArrayList<>(0);
        }

        private void attribute(WireReader reader, Attributes into, int depth) {
            String name = "";
            long integer = 0;
            float real = 0;
            List<Long> integers = new ArrayList<>(0);
            Optional<Span> tensor = Optional.empty();
            while (reader.next()) {
                switch (reader.field()) {
                    case 1 -> name = reader.text();
                    case 2 -> real = Float.intBitsToFloat(reader.fixed32());
                    case 3 -> integer = reader.varint();
                    case 5 -> tensor = Optional.of(reader.bytes());
                    case 6, 11 -> into.bodies.add(graph(reader.message(), depth + 1));
                    case 8 -> integers(reader, integers);
                    default -> reader.skip();
                }
            }
            switch (name) {
                case "transB" -> into.transB = integer != 0;
                case "perm" -> into.perm = List.copyOf(integers);
                case "epsilon" -> into.epsilon = Optional.of(real);
                case "value" -> into.value = tensor.map(span -> TensorProto.parse(data, location, span));
                default -> {}
            }
        }

        private void integers(WireReader reader, List<Long> into) {
            if (!reader.isBytes()) {
                count();
                into.add(reader.varint());
                return;
            }
            for (WireReader packed = reader.message(); packed.hasMore(); ) {
                count();
                into.add(packed.rawVarint());
            }
        }

        private void count() {
            if (++items > MAX_ITEMS) {
                throw InputException.of(
                        location,
                        "has more than " + MAX_ITEMS + " nodes, values and weights",
                        "the file is damaged; no model is that large");
            }
        }
    }
}
