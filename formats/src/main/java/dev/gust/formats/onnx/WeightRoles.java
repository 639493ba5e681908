package dev.gust.formats.onnx;

import dev.gust.formats.InputException;
import dev.gust.formats.onnx.OnnxModel.Graph;
import dev.gust.formats.onnx.OnnxModel.Node;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Finds out what each initialiser is for. ONNX's MatMul wants a linear layer's matrix as in x out, while frameworks and
 * our containers keep out x in; and exporters that fold the transposition lose the parameter's name on the way, but
 * name the node by its module. So both can be given back.
 */
final class WeightRoles {
    /** What torch's exporters call a constant they made up. */
    private static final Pattern ANONYMOUS = Pattern.compile("onnx::.*|[0-9]+|_?val_[0-9]+");

    private final String location;
    private final Map<TensorProto, Uses> uses = new LinkedHashMap<>();

    private WeightRoles(String location) {
        this.location = location;
    }

    /**
     * An initialiser and what became of it.
     *
     * @param name its own name, or one made of the module that uses it; unique in the model
     * @param proto the initialiser
     * @param transposed whether it is a matrix stored as in x out, and nothing else is made of it
     * @param linear whether it is a linear layer's matrix, out x in once {@code transposed} is applied
     */
    record Role(String name, TensorProto proto, boolean transposed, boolean linear) {}

    /** How an initialiser is used, all in all; names are found by the first use that tells one. */
    private static final class Uses {
        private int asInByOut;
        private int asOutByIn;
        private int otherwise;
        private Optional<String> module = Optional.empty();
    }

    /** A value that is an initialiser, perhaps turned around on the way. */
    private record Alias(TensorProto proto, boolean turned) {}

    /** Values visible in a graph; bodies of branches and loops also see those around them. */
    private record Scope(Optional<Scope> outer, Map<String, Optional<Alias>> values) {
        Optional<Alias> find(String name) {
            for (Optional<Scope> scope = Optional.of(this);
                    scope.isPresent();
                    scope = scope.get().outer()) {
                Optional<Alias> value = scope.get().values().get(name);
                if (value != null) {
                    return value;
                }
            }
            return Optional.empty();
        }
    }

    /**
     * The roles of all initialisers, those of bodies included, in file order.
     *
     * @throws InputException if two initialisers of one graph share a name, or one has none
     */
    static List<Role> of(Graph graph, String location) {
        var roles = new WeightRoles(location);
        roles.visit(graph, Optional.empty());
        return roles.named();
    }

    private void visit(Graph graph, Optional<Scope> outer) {
        var scope = new Scope(outer, new HashMap<>());
        graph.inputs().forEach(input -> scope.values().put(input, Optional.empty()));
        Set<String> names = new HashSet<>();
        // After the inputs: old models list every initialiser as an input too.
        for (TensorProto proto : graph.initialisers()) {
            if (proto.name().isEmpty() || !names.add(proto.name())) {
                throw InputException.ofTensor(
                        location,
                        proto.name(),
                        proto.name().isEmpty() ? "an initialiser has no name" : "two initialisers have this name",
                        "export the model again");
            }
            uses.put(proto, new Uses());
            scope.values().put(proto.name(), Optional.of(new Alias(proto, false)));
        }
        for (Node node : graph.nodes()) {
            Optional<Alias> passed = passedThrough(node, scope);
            for (int i = 0; i < node.inputs().size() && passed.isEmpty(); i++) {
                int input = i;
                scope.find(node.inputs().get(i)).ifPresent(alias -> use(alias, node, input));
            }
            node.bodies().forEach(body -> visit(body, Optional.of(scope)));
            for (String output : node.outputs()) {
                scope.values().put(output, passed);
            }
        }
        for (String output : graph.outputs()) {
            scope.find(output).ifPresent(alias -> uses(alias).otherwise++);
        }
    }

    /** An initialiser that a node hands on as it is, or turned around: what counts is who takes it from there. */
    private static Optional<Alias> passedThrough(Node node, Scope scope) {
        if (node.inputs().size() != 1) {
            return Optional.empty();
        }
        Optional<Alias> source = scope.find(node.inputs().getFirst());
        return switch (node.op()) {
            case "Identity" -> source;
            case "Transpose" ->
                source.filter(alias -> isMatrix(alias)
                                && (node.perm().isEmpty() || node.perm().equals(List.of(1L, 0L))))
                        .map(alias -> new Alias(alias.proto(), !alias.turned()));
            default -> Optional.empty();
        };
    }

    private static boolean isMatrix(Alias alias) {
        return alias.proto().dims().length == 2;
    }

    private Uses uses(Alias alias) {
        return Objects.requireNonNull(uses.get(alias.proto()));
    }

    private void use(Alias alias, Node node, int input) {
        Uses use = uses(alias);
        boolean matrix = isMatrix(alias) && input == 1;
        if (matrix && (node.op().equals("MatMul") || node.op().equals("Gemm"))) {
            boolean outByIn = node.op().equals("Gemm") && node.transB();
            if (outByIn ^ alias.turned()) {
                use.asOutByIn++;
            } else {
                use.asInByOut++;
            }
        } else {
            use.otherwise++;
        }
        if (use.module.isEmpty()) {
            use.module =
                    parameter(node, input).flatMap(parameter -> module(node).map(path -> path + parameter));
        }
    }

    /** What a module calls the parameter that is this operator's input. */
    private static Optional<String> parameter(Node node, int input) {
        return switch (node.op()) {
            case "MatMul" -> input == 1 ? Optional.of(".weight") : Optional.empty();
            case "Gemm", "Conv", "ConvTranspose" ->
                input == 1 ? Optional.of(".weight") : input == 2 ? Optional.of(".bias") : Optional.empty();
            default -> Optional.empty();
        };
    }

    /** The module in a node's name: {@code /encoder/layer.0/query/MatMul_1} is in {@code encoder.layer.0.query}. */
    private static Optional<String> module(Node node) {
        String[] path = node.name().split("/", -1);
        boolean named = path.length > 2
                && path[0].isEmpty()
                && (path[path.length - 1].equals(node.op()) || path[path.length - 1].startsWith(node.op() + "_"));
        return named ? Optional.of(String.join(".", List.of(path).subList(1, path.length - 1))) : Optional.empty();
    }

    private List<Role> named() {
        Set<String> taken = new HashSet<>();
        Map<TensorProto, String> names = new HashMap<>();
        Map<String, Integer> suffixes = new HashMap<>();
        // Names that are given come first, so that one we make up never displaces one of them.
        uses.forEach((proto, use) -> {
            if (use.module.isEmpty() || !ANONYMOUS.matcher(proto.name()).matches()) {
                names.put(proto, unique(proto.name(), taken, suffixes));
            }
        });
        List<Role> roles = new ArrayList<>(uses.size());
        uses.forEach((proto, use) -> {
            String name =
                    names.containsKey(proto) ? names.get(proto) : unique(use.module.orElseThrow(), taken, suffixes);
            boolean transposed = use.asInByOut > 0 && use.asOutByIn == 0 && use.otherwise == 0;
            roles.add(new Role(
                    Objects.requireNonNull(name),
                    proto,
                    transposed,
                    transposed || (use.asOutByIn > 0 && use.asInByOut == 0)));
        });
        return roles;
    }

    private static String unique(String name, Set<String> taken, Map<String, Integer> suffixes) {
        String candidate = name;
        while (!taken.add(candidate)) {
            candidate = name + "_" + suffixes.merge(name, 2, (last, first) -> last + 1);
        }
        return candidate;
    }
}
