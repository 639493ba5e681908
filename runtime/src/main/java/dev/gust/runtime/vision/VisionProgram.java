package dev.gust.runtime.vision;

import dev.gust.kernels.vision.GroupLandmarks;
import dev.gust.kernels.vision.GroupVision;
import dev.gust.kernels.vision.PortableLandmarks;
import dev.gust.kernels.vision.TiledVision;
import dev.gust.kernels.vision.VisionCode;
import dev.gust.kernels.vision.VisionSizes;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** The kernels of one attention, in order, on arrays for so many batches. */
final class VisionProgram {
    private final VisionAttention attention;
    private final boolean tuned;
    private final int heads;
    private final int rows;
    private final int count;
    private final int width;
    private final int landmarks;
    private final FloatArray none = floats(1);
    private final List<KernelCall> calls = new ArrayList<>();

    final IntArray sizes;
    final FloatArray q;
    final FloatArray k;
    final FloatArray v;
    final FloatArray cos;
    final FloatArray sin;
    final FloatArray keyGates;
    final FloatArray valueGates;
    final FloatArray o;

    /** @param batches for how many there is room */
    VisionProgram(VisionAttention attention, int batches, boolean tuned) {
        this.attention = attention;
        this.tuned = tuned;
        VisionShape shape = attention.shape();
        this.heads = batches * shape.heads();
        this.rows = Math.toIntExact(batches * shape.batchRows());
        this.count = attention.rule().features(shape);
        this.width = shape.width();
        this.landmarks = shape.landmarks();
        this.sizes = new IntArray(VisionSizes.LENGTH);
        sizes.set(VisionSizes.BATCHES, batches);
        sizes.set(VisionSizes.TOKENS, shape.tokens());
        sizes.set(VisionSizes.HEADS, shape.heads());
        sizes.set(VisionSizes.WIDTH, width);
        sizes.set(VisionSizes.FEATURES, count);
        sizes.set(VisionSizes.LANDMARKS, landmarks);
        sizes.set(VisionSizes.STEPS, PortableLandmarks.STEPS);
        this.q = floats(rows * width);
        this.k = attention.rule() == VisionRule.SOFT ? none : floats(rows * width);
        this.v = floats(rows * width);
        this.o = floats(rows * width);
        this.cos = attention.positions() ? floats(shape.tokens() * width) : none;
        this.sin = attention.positions() ? floats(shape.tokens() * width) : none;
        this.keyGates = attention.gates() ? floats(rows) : none;
        this.valueGates = attention.gates() ? floats(rows) : none;
        if (attention.rule() == VisionRule.SOFT) {
            addSoft();
        } else {
            addLinear();
        }
    }

    KernelProgram program() {
        var inputs = new ArrayList<TornadoNativeArray>(List.of(sizes, q, v));
        if (attention.rule() != VisionRule.SOFT) {
            inputs.add(k);
        }
        if (attention.positions()) {
            inputs.addAll(List.of(cos, sin));
        }
        if (attention.gates()) {
            inputs.addAll(List.of(keyGates, valueGates));
        }
        return new KernelProgram("vision", calls, List.of(none), inputs, List.of(o));
    }

    private void addLinear() {
        VisionRule rule = attention.rule();
        FloatArray queries = features(q, rule.queryCode());
        FloatArray keys = features(k, rule.keyCode());
        FloatArray keyWeights = keyGates;
        int weighting = attention.gates() ? VisionCode.KEY_AND_VALUE_WEIGHTS : VisionCode.UNWEIGHTED;
        if (rule == VisionRule.RALA) {
            keyWeights = floats(rows);
            weighting = VisionCode.KEY_WEIGHTS;
            FloatArray logits = floats(rows);
            FloatArray queryMeans = means(queries, none, count, 0);
            float scale = rule.scale(attention.shape());
            items("logits", new VisionKernels.Logits(keys, queryMeans, logits, sizes, scale, rows, tuned), rows);
            add(
                    "weights",
                    new VisionKernels.TokenWeights(logits, keyWeights, sizes, heads, tuned),
                    () -> Grid.ofGroups(heads, GroupVision.LOCAL));
        }
        FloatArray keyMeans = means(keys, keyWeights, count, weighting == VisionCode.UNWEIGHTED ? 0 : 1);
        boolean wantsValues = rule.kind() == VisionCode.MAGNITUDE || rule.kind() == VisionCode.INJECTIVE;
        FloatArray valueMeans = wantsValues ? means(v, none, width, 0) : none;
        FloatArray state = state(rotated(keys), keyWeights, weighting);
        read(rotated(queries), queries, state, keyMeans, valueMeans);
    }

    private void addSoft() {
        float factor = (float) Math.pow(width, -0.25);
        FloatArray landmarkRows = floats(heads * landmarks * width);
        FloatArray gaussians = floats(rows * landmarks);
        int elements = heads * landmarks * landmarks;
        FloatArray matrix = floats(elements);
        FloatArray inverse = floats(elements);
        FloatArray applied = floats(heads * landmarks * width);
        landmarkItems(
                "landmarks",
                new LandmarkKernels.Pool(q, landmarkRows, sizes, landmarks, width, factor, heads, tuned),
                heads * landmarks * width);
        landmarkItems(
                "gaussians",
                new LandmarkKernels.Gaussians(q, landmarkRows, gaussians, sizes, landmarks, factor, rows, tuned),
                rows * landmarks);
        landmarkItems(
                "matrix", new LandmarkKernels.Matrix(landmarkRows, matrix, sizes, landmarks, heads, tuned), elements);
        FloatArray product = tuned ? none : floats(elements);
        FloatArray next = tuned ? none : floats(elements);
        add(
                "invert",
                new LandmarkKernels.Invert(matrix, inverse, product, next, sizes, landmarks, heads, tuned),
                () -> Grid.ofGroups(heads, GroupLandmarks.LOCAL));
        FloatArray state = state(gaussians, none, VisionCode.UNWEIGHTED);
        landmarkItems(
                "apply",
                new LandmarkKernels.Apply(inverse, state, applied, sizes, width, heads * landmarks, tuned),
                heads * landmarks * width);
        read(gaussians, gaussians, applied, none, none);
    }

    private FloatArray features(FloatArray x, int code) {
        if (code == VisionCode.IDENTITY) {
            return x;
        }
        FloatArray out = floats(rows * count);
        items("features", new VisionKernels.Features(x, out, sizes, count, code, rows, tuned), rows * count);
        return out;
    }

    private FloatArray rotated(FloatArray features) {
        if (!attention.positions()) {
            return features;
        }
        FloatArray out = floats(rows * count);
        items("rotate", new VisionKernels.Rotate(features, cos, sin, out, sizes, count, rows, tuned), rows * count);
        return out;
    }

    private FloatArray means(FloatArray x, FloatArray weights, int columns, int weighted) {
        FloatArray out = floats(heads * columns);
        add(
                "means",
                new VisionKernels.Means(x, weights, out, sizes, columns, weighted, heads, tuned),
                () -> Grid.ofGroups(
                        Math.multiplyExact(heads, Math.ceilDiv(columns, GroupVision.COLUMNS)),
                        1,
                        GroupVision.COLUMNS,
                        GroupVision.LINES));
        return out;
    }

    private FloatArray state(FloatArray keys, FloatArray keyWeights, int weighting) {
        FloatArray state = floats(heads * count * width);
        add(
                "state",
                new VisionKernels.State(
                        keys, v, keyWeights, valueGates, state, sizes, count, width, weighting, heads, tuned),
                () -> tiles(count));
        return state;
    }

    private void read(
            FloatArray queries, FloatArray plain, FloatArray state, FloatArray keyMeans, FloatArray valueMeans) {
        VisionRule rule = attention.rule();
        VisionShape shape = attention.shape();
        add(
                "read",
                new VisionKernels.Read(
                        queries,
                        plain,
                        state,
                        keyMeans,
                        valueMeans,
                        o,
                        sizes,
                        count,
                        width,
                        rule.kind(),
                        rule.scale(shape),
                        rule.eps(shape),
                        rows,
                        tuned),
                () -> tiles(shape.tokens()));
    }

    /** Groups for a matrix of so many rows and D columns for each head. */
    private Grid tiles(int lines) {
        int groups = Math.multiplyExact(
                Math.multiplyExact(heads, Math.ceilDiv(lines, TiledVision.SIDE)),
                Math.ceilDiv(width, TiledVision.COLUMNS));
        return Grid.ofGroups(groups, 1, TiledVision.SIDE, TiledVision.SIDE);
    }

    private void items(String name, Kernel kernel, int items) {
        add(name, kernel, () -> Grid.ofGroups(Math.ceilDiv(items, GroupVision.LOCAL), GroupVision.LOCAL));
    }

    private void landmarkItems(String name, Kernel kernel, int items) {
        add(name, kernel, () -> Grid.ofGroups(Math.ceilDiv(items, GroupLandmarks.LOCAL), GroupLandmarks.LOCAL));
    }

    private void add(String name, Kernel kernel, Supplier<Grid> grid) {
        String numbered = name + calls.size();
        calls.add(tuned ? KernelCall.tuned(numbered, kernel, grid.get()) : KernelCall.portable(numbered, kernel));
    }

    /** Zeros, as the last part of a run may leave some of an array as it is. */
    private static FloatArray floats(int length) {
        var array = new FloatArray(length);
        array.init(0);
        return array;
    }
}
