package dev.gust.runtime.codebook;

import dev.gust.runtime.codebook.jvm.TableRows;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** A layer of hashed tables on the jvm device; some rows are one's work. */
final class JvmMemoryLayer implements MemoryLayerPlan {
    private final JvmDevice device;
    private final MemoryLayer layer;
    private final MemorySegment tables;
    private final int most;
    private final int threads;
    private volatile boolean closed;

    JvmMemoryLayer(JvmDevice device, MemoryLayer layer, MemorySegment tables, int most, int threads) {
        this.device = device;
        this.layer = layer;
        this.tables = tables;
        this.most = most;
        this.threads = threads;
    }

    @Override
    public KernelTimes run(MemorySegment x, int rows, MemorySegment y) {
        if (closed) {
            throw new IllegalStateException("the plan of a memory layer is closed");
        }
        layer.check(x, most, rows, y);
        long start = System.nanoTime();
        boolean shared = device.canReach(x) && device.canReach(tables) && device.canReach(y);
        device.forRows(rows, 1, shared ? device.threads(threads) : 1, (first, end) -> {
            float[] chunk = new float[layer.bits()];
            float[] sums = new float[TableRows.roundUp(layer.outputs())];
            for (long row = first; row < end; row++) {
                row(x, row, chunk, sums);
                MemorySegment.copy(
                        sums, 0, y, ValueLayout.JAVA_FLOAT_UNALIGNED, 4 * row * layer.outputs(), layer.outputs());
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void row(MemorySegment x, long row, float[] chunk, float[] sums) {
        Arrays.fill(sums, 0);
        for (int c = 0; c < layer.chunks(); c++) {
            MemorySegment.copy(
                    x,
                    ValueLayout.JAVA_FLOAT_UNALIGNED,
                    4 * (row * layer.chunks() + c) * layer.bits(),
                    chunk,
                    0,
                    chunk.length);
            long place = (long) c << layer.bits();
            float product = 1;
            for (int bit = 0; bit < chunk.length; bit++) {
                place += chunk[bit] >= 0 ? 1L << bit : 0;
                product *= layer.weighted() ? 1 + (float) Math.exp(-2 * Math.abs(chunk[bit]) * layer.inverse()) : 1;
            }
            TableRows.add(tables, place * layer.outputs(), layer.outputs(), 1 / product, sums);
        }
    }

    @Override
    public void close() {
        closed = true;
    }
}
