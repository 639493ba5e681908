package dev.gust.runtime.featuremap;

import dev.gust.formats.InputException;
import dev.gust.formats.tensor.Shape;
import dev.gust.kernels.featuremap.MapCode;
import dev.gust.runtime.catalog.OperatorEntry;
import dev.gust.runtime.catalog.Support;
import dev.gust.runtime.catalog.Variant;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.device.DeviceId;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** The operator: rows of x [..., D] to rows of features, by one of the maps of {@link MapName}. */
public final class FeatureMap {
    /** Largest relative error on inputs of common size, where an exponent's rounding is the greatest part. */
    public static final double TOLERANCE = 2e-6;

    /** More columns than that are no map's that anyone uses, and would take tables without bound. */
    private static final long WIDEST = 1 << 22;

    private static final float LEAST = 1e-12f;

    private final MapName map;
    private final MapShapes shapes;
    private final List<Stage> stages;

    private FeatureMap(MapName map, MapShapes shapes, List<Stage> stages) {
        this.map = map;
        this.shapes = shapes;
        this.stages = stages;
    }

    /** Its place in the catalog. */
    public static OperatorEntry entry() {
        return new OperatorEntry(
                "feature-map",
                "rows of numbers to rows of features, for linear attention",
                "x [..., D]; w and b where the map has them, for each head as w [H, E, D]",
                "y [..., D'], D' as the map says",
                List.of(
                        new OperatorEntry.Attribute("map", MapName.labels("|"), "the map; must be given"),
                        new OperatorEntry.Attribute("nu", "4", "rolls of dpfp"),
                        new OperatorEntry.Attribute(
                                "sign", "paper|negated", "of dpfp's second half: relu(-x), or its negation"),
                        new OperatorEntry.Attribute("layer-norm", "true|false", "whether rebased normalises first")),
                Arrays.stream(MapName.values()).map(FeatureMap::variant).toList());
    }

    private static Variant variant(MapName map) {
        return new Variant(
                map.label(),
                "F32, F16, BF16",
                "D' = " + map.columns(),
                TOLERANCE,
                Map.of(
                        DeviceId.Kind.JVM, Support.VALID,
                        DeviceId.Kind.SCALAR, Support.VALID,
                        DeviceId.Kind.EMULATOR, Support.VALID,
                        DeviceId.Kind.TORNADO, Support.VALID));
    }

    /**
     * A map for rows of x.
     *
     * @param where the file, or whatever errors shall name
     * @param x [..., D]
     * @param w the map's weights, see {@link MapName.Weights}; [H, E, D] for x [..., H, D] gives each head its own
     * @param b the map's biases
     * @throws InputException if the shapes do not fit together, or a weight is not finite
     */
    public static FeatureMap of(
            String where, MapName map, MapOptions options, Shape x, Optional<MapWeight> w, Optional<MapWeight> b) {
        MapShapes shapes = MapShapes.of(where, map, x, w, b);
        Stream.of(w, b).flatMap(Optional::stream).forEach(t -> FiniteValues.require(where, t.name(), t.values()));
        if (columns(map, options, shapes) > WIDEST) {
            throw InputException.ofTensor(
                    where,
                    "x",
                    "is " + x + ", of which map " + map.label() + " makes " + columns(map, options, shapes)
                            + " columns",
                    "give it fewer columns; " + WIDEST + " are the most");
        }
        return new FeatureMap(map, shapes, stages(map, options, shapes, w, b));
    }

    private static long columns(MapName map, MapOptions options, MapShapes shapes) {
        long d = shapes.width();
        long e = shapes.rows();
        return switch (map) {
            case TAYLOR -> 1 + d + d * (d + 1) / 2;
            case REBASED -> d * (d + 1) / 2;
            case OUTER_PRODUCT, POLYSKETCH -> e / 2 * (e / 2 + 1) / 2;
            case DPFP -> 2 * d * options.nu();
            default -> 2 * e;
        };
    }

    private static List<Stage> stages(
            MapName map, MapOptions options, MapShapes shapes, Optional<MapWeight> w, Optional<MapWeight> b) {
        int d = shapes.width();
        int e = shapes.rows();
        float perRoot = (float) (1 / Math.sqrt(d));
        Optional<Stage> linear =
                w.filter(weight -> map.weights() != MapName.Weights.AFFINE).map(weight -> project(shapes, weight, b));
        return switch (map) {
            case ELU1 -> List.of(new Stage.Pointwise(d, MapCode.ELU1));
            case RELU -> List.of(new Stage.Pointwise(d, MapCode.RELU));
            case EXP -> List.of(new Stage.Pointwise(d, MapCode.EXP));
            case IDENTITY -> List.of(new Stage.Pointwise(d, MapCode.IDENTITY));
            case SQUARED_RELU -> List.of(new Stage.Pointwise(d, MapCode.SQUARED_RELU));
            case GELU -> List.of(new Stage.Pointwise(d, MapCode.GELU));
            case SWISH -> List.of(new Stage.Pointwise(d, MapCode.SWISH));
            case SIGMOID -> List.of(new Stage.Pointwise(d, MapCode.SIGMOID));
            case T2R -> after(linear, new Stage.Pointwise(e, MapCode.RELU));
            case SOFTMAX -> List.of(new Stage.Exponential(d, MapCode.SOFTMAX, 0));
            case HEDGEHOG -> after(linear, new Stage.Exponential(e, MapCode.JOINT, 0));
            case LOLCATS -> after(linear, new Stage.Exponential(e, MapCode.HALVES, LEAST));
            case EXP_MAX -> after(linear, new Stage.Exponential(e, MapCode.SHIFTED, LEAST));
            case NORM_PRESERVED -> after(linear, new Stage.Exponential(e, MapCode.NORM_PRESERVED, 0));
            case DPFP -> List.of(Products.dpfp(d, options.nu(), options.negated()));
            case TAYLOR ->
                List.of(Products.quadratic(d, (float) Math.pow(d, -0.25), (float) (1 / Math.sqrt(2.0 * d)), perRoot));
            case REBASED -> {
                Stage squares = Products.quadratic(d, 0, perRoot, (float) Math.sqrt(2.0 / d));
                yield List.of(new Stage.Normalise(d, options.layerNorm(), affine(d, w, b)), squares);
            }
            case HADAMARD -> after(linear, Products.halves(e / 2, 1));
            case OUTER_PRODUCT -> after(linear, Products.triangle(e, e / 2, e / 2));
            case POLYSKETCH ->
                List.of(
                        new Stage.Normalise(d, true, affine(d, Optional.empty(), Optional.empty())),
                        linear.orElseThrow(),
                        Products.halves(e / 2, perRoot),
                        Products.triangle(e / 2, e / 2, 0));
        };
    }

    private static List<Stage> after(Optional<Stage> linear, Stage map) {
        return Stream.concat(linear.stream(), Stream.of(map)).toList();
    }

    private static Stage.Project project(MapShapes shapes, MapWeight weight, Optional<MapWeight> b) {
        int in = shapes.width();
        int rows = shapes.rows();
        float[] w = weight.floats();
        float[] transposed = new float[w.length];
        for (int head = 0; head < shapes.heads(); head++) {
            int from = head * rows * in;
            for (int row = 0; row < rows; row++) {
                for (int column = 0; column < in; column++) {
                    transposed[from + column * rows + row] = w[from + row * in + column];
                }
            }
        }
        float[] biases = b.map(MapWeight::floats).orElseGet(() -> new float[shapes.heads() * rows]);
        return new Stage.Project(shapes.heads(), in, rows, transposed, biases);
    }

    private static float[] affine(int width, Optional<MapWeight> gamma, Optional<MapWeight> beta) {
        float[] affine = new float[2 * width];
        Arrays.fill(affine, 0, width, 1);
        gamma.ifPresent(g -> System.arraycopy(g.floats(), 0, affine, 0, width));
        beta.ifPresent(v -> System.arraycopy(v.floats(), 0, affine, width, width));
        return affine;
    }

    public MapName map() {
        return map;
    }

    /** D. */
    public int width() {
        return shapes.width();
    }

    /** D', the width of the features. */
    public int outputWidth() {
        return stages.getLast().width();
    }

    /** Rows with weights of their own: x has a multiple of so many. */
    public int heads() {
        return shapes.heads();
    }

    List<Stage> stages() {
        return stages;
    }

    /** As {@link #prepare(Device, int, Optional)} with the kernels that suit the device. */
    public FeatureMapPlan prepare(Device device, int threads) {
        return prepare(device, threads, Optional.empty());
    }

    /**
     * Makes it ready on a device; the plan serves any number of rows.
     *
     * @param threads most threads of the device jvm, 0 for one to each processor
     * @param style which kernels, if not those that suit the device
     */
    public FeatureMapPlan prepare(Device device, int threads, Optional<KernelStyle> style) {
        return switch (device) {
            case KernelDevice kernels -> new KernelFeatureMap(kernels, this, style.orElse(kernels.style()));
            case JvmDevice jvm -> new JvmFeatureMap(jvm, this, jvm.threads(threads));
            default -> throw new IllegalArgumentException("no feature maps on " + device.id());
        };
    }
}
