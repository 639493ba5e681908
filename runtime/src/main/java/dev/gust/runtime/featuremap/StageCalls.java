package dev.gust.runtime.featuremap;

import dev.gust.kernels.featuremap.GroupMaps;
import dev.gust.kernels.featuremap.GroupRows;
import dev.gust.kernels.featuremap.MapCode;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.Kernel;
import dev.gust.runtime.kernel.KernelCall;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** Makes a map's stages into kernels on arrays for so many rows. */
final class StageCalls {
    private final int capacity;
    private final boolean tuned;
    private final FloatArray origin;
    private final List<KernelCall> calls = new ArrayList<>();
    private final List<TornadoNativeArray> constants = new ArrayList<>();
    private final List<IntArray> sizes = new ArrayList<>();
    private FloatArray last;

    /**
     * @param capacity rows
     * @param x the map's input [capacity, D]
     */
    StageCalls(List<Stage> stages, int capacity, boolean tuned, FloatArray x) {
        this.capacity = capacity;
        this.tuned = tuned;
        this.origin = x;
        this.last = x;
        int in = x.getSize() / capacity;
        for (Stage stage : stages) {
            add(stage, in);
            in = stage.width();
        }
    }

    List<KernelCall> calls() {
        return calls;
    }

    /** Weights and tables. */
    List<TornadoNativeArray> constants() {
        return constants;
    }

    /** Of every stage; {@link MapCode#ROWS} and {@link MapCode#FIRST} change from run to run. */
    List<IntArray> sizes() {
        return sizes;
    }

    /** What the last stage writes. */
    FloatArray output() {
        return last;
    }

    private void add(Stage stage, int in) {
        FloatArray from = last;
        FloatArray out = new FloatArray(capacity * stage.width());
        last = out;
        switch (stage) {
            case Stage.Normalise s ->
                rows(new MapKernels.Normalise(
                        from, floats(s.affine()), out, sizes(in, s.width()), s.centred() ? 1 : 0, capacity, tuned));
            case Stage.Project s ->
                elements(
                        new MapKernels.Project(
                                from,
                                floats(s.w()),
                                floats(s.b()),
                                out,
                                sizes(in, s.width()),
                                s.heads(),
                                s.width(),
                                capacity,
                                tuned),
                        s.width());
            case Stage.Pointwise s ->
                elements(
                        new MapKernels.Pointwise(from, out, sizes(in, s.width()), s.width(), s.code(), capacity, tuned),
                        s.width());
            case Stage.Exponential s -> exponential(s, from, out);
            case Stage.Product s ->
                elements(
                        new MapKernels.Product(
                                from,
                                ints(s.pairs()),
                                floats(s.coefficients()),
                                out,
                                sizes(in, s.width()),
                                in,
                                s.width(),
                                s.mirror(),
                                capacity,
                                tuned),
                        s.width());
        }
    }

    private void exponential(Stage.Exponential s, FloatArray from, FloatArray out) {
        FloatArray terms = new FloatArray(capacity * MapCode.TERMS);
        IntArray rowSizes = sizes(origin.getSize() / capacity, s.in());
        if (tuned && s.mode() == MapCode.NORM_PRESERVED) {
            rows(new MapKernels.Gain(origin, from, terms, rowSizes));
        }
        rows(new MapKernels.Terms(origin, from, terms, rowSizes, s.mode(), capacity, tuned));
        elements(
                new MapKernels.Exponential(from, terms, out, rowSizes, s.in(), s.width(), s.floor(), capacity, tuned),
                s.width());
    }

    private void rows(Kernel kernel) {
        add(kernel, () -> Grid.ofGroups(capacity, GroupRows.LOCAL));
    }

    private void elements(Kernel kernel, int width) {
        add(kernel, () -> Grid.ofGroups(Math.ceilDiv(capacity * width, GroupMaps.LOCAL), GroupMaps.LOCAL));
    }

    private void add(Kernel kernel, Supplier<Grid> grid) {
        String name = "stage" + calls.size();
        calls.add(tuned ? KernelCall.tuned(name, kernel, grid.get()) : KernelCall.portable(name, kernel));
    }

    private IntArray sizes(int in, int width) {
        var array = new IntArray(MapCode.SIZES);
        array.set(MapCode.ROWS, 0);
        array.set(MapCode.WIDTH, width);
        array.set(MapCode.IN, in);
        array.set(MapCode.FIRST, 0);
        sizes.add(array);
        return array;
    }

    private FloatArray floats(float[] values) {
        FloatArray array = FloatArray.fromArray(values);
        constants.add(array);
        return array;
    }

    private IntArray ints(int[] values) {
        IntArray array = IntArray.fromArray(values);
        constants.add(array);
        return array;
    }
}
