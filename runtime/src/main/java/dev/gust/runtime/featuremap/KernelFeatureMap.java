package dev.gust.runtime.featuremap;

import dev.gust.kernels.featuremap.MapCode;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** A map by kernels, in pieces; there is a plan for each power of two that a piece's rows are rounded up to. */
final class KernelFeatureMap implements FeatureMapPlan {
    /** Elements of a piece's widest stage: 64 MiB of floats. */
    private static final int MOST = 1 << 24;

    /** Rows of the smallest plan, where they are not too wide. */
    private static final int LEAST_ROWS = 16;

    private final KernelDevice device;
    private final FeatureMap map;
    private final KernelStyle style;
    private final int mostRows;
    private final Map<Integer, Piece> pieces = new TreeMap<>();
    private boolean closed;

    /** The plan for up to so many rows. */
    private record Piece(FloatArray x, List<IntArray> sizes, FloatArray y, KernelPlan plan) {}

    KernelFeatureMap(KernelDevice device, FeatureMap map, KernelStyle style) {
        this(device, map, style, MOST);
    }

    /** @param most elements of a piece's widest stage */
    KernelFeatureMap(KernelDevice device, FeatureMap map, KernelStyle style, int most) {
        this.device = device;
        this.style = style;
        this.map = map;
        int widest = map.stages().stream().mapToInt(Stage::width).max().orElse(1);
        this.mostRows = Integer.highestOneBit(Math.max(1, most / Math.max(widest, map.width())));
    }

    @Override
    public synchronized KernelTimes run(MemorySegment x, long rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of map " + map.map().label() + " is closed");
        }
        MapSizes.check(map, x, rows, y);
        long start = System.nanoTime();
        long kernel = 0;
        long transfer = 0;
        long compile = 0;
        long inBytes = (long) map.width() * Float.BYTES;
        long outBytes = (long) map.outputWidth() * Float.BYTES;
        for (long first = 0; first < rows; first += mostRows) {
            int count = (int) Math.min(mostRows, rows - first);
            Piece piece = pieces.computeIfAbsent(capacity(count), this::prepare);
            for (IntArray sizes : piece.sizes()) {
                sizes.set(MapCode.ROWS, count);
                sizes.set(MapCode.FIRST, (int) (first % map.heads()));
            }
            MemorySegment.copy(x, first * inBytes, piece.x().getSegment(), 0, count * inBytes);
            KernelTimes times = piece.plan().execute();
            MemorySegment.copy(piece.y().getSegment(), 0, y, first * outBytes, count * outBytes);
            device.copies().add(count * (inBytes + outBytes));
            kernel += times.kernel();
            transfer += times.transfer();
            compile += times.compile();
        }
        return new KernelTimes(kernel, transfer, compile, System.nanoTime() - start);
    }

    private int capacity(int rows) {
        int rounded = rows == 1 ? 1 : Integer.highestOneBit(rows - 1) << 1;
        return Math.min(mostRows, Math.max(LEAST_ROWS, rounded));
    }

    private Piece prepare(int capacity) {
        FloatArray x = new FloatArray(capacity * map.width());
        x.init(0);
        var stages = new StageCalls(map.stages(), capacity, style == KernelStyle.TUNED, x);
        var inputs = new ArrayList<TornadoNativeArray>(stages.sizes());
        inputs.add(x);
        KernelPlan plan = device.prepare(
                new KernelProgram("featuremap", stages.calls(), stages.constants(), inputs, List.of(stages.output())));
        return new Piece(x, stages.sizes(), stages.output(), plan);
    }

    @Override
    public synchronized void close() {
        closed = true;
        pieces.values().forEach(piece -> piece.plan().close());
        pieces.clear();
    }
}
