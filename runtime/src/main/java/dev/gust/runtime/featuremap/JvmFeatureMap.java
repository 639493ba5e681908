package dev.gust.runtime.featuremap;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/** A map by vector loops: threads take blocks of rows through all stages, so that what lies between stays in their caches. */
final class JvmFeatureMap implements FeatureMapPlan {
    /** Elements of a block's widest stage: 32 KiB of floats. */
    private static final int BLOCK = 1 << 13;

    /** Blocks to a piece of work. */
    private static final int GRAIN = 8;

    private final JvmDevice device;
    private final FeatureMap map;
    private final int threads;
    private final List<RowStage> stages;
    private final int blockRows;
    private volatile boolean closed;

    JvmFeatureMap(JvmDevice device, FeatureMap map, int threads) {
        this.device = device;
        this.map = map;
        this.threads = threads;
        this.stages = map.stages().stream()
                .map(stage -> RowStage.of(stage, map.width()))
                .toList();
        int widest = map.stages().stream().mapToInt(Stage::width).max().orElse(1);
        this.blockRows = Math.max(1, BLOCK / Math.max(widest, map.width()));
    }

    @Override
    public KernelTimes run(MemorySegment x, long rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of map " + map.map().label() + " is closed");
        }
        MapSizes.check(map, x, rows, y);
        long start = System.nanoTime();
        int helpers = device.canReach(x) && device.canReach(y) ? threads : 1;
        device.forRows(rows, (long) blockRows * GRAIN, helpers, (first, end) -> {
            var block = new RowBlock(map, blockRows);
            for (long row = first; row < end; row += blockRows) {
                int count = (int) Math.min(blockRows, end - row);
                MemorySegment.copy(
                        x,
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        row * map.width() * Float.BYTES,
                        block.origin(),
                        0,
                        count * map.width());
                float[] result = block.through(stages, row, count);
                MemorySegment.copy(
                        result,
                        0,
                        y,
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        row * map.outputWidth() * Float.BYTES,
                        count * map.outputWidth());
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    @Override
    public void close() {
        closed = true;
    }
}
