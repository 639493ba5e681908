package dev.gust.runtime.hybrid;

import dev.gust.formats.InputException;
import dev.gust.kernels.hybrid.GroupSoftmax;
import dev.gust.kernels.hybrid.SoftmaxSizes;
import dev.gust.runtime.attention.HeadMap;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/** Attention by one kernel. */
final class KernelAttend implements AttendPlan {
    private static final int SIDE = GroupSoftmax.SIDE;

    private final KernelDevice device;
    private final Attend attend;
    private final FloatArray q;
    private final FloatArray k;
    private final FloatArray v;
    private final FloatArray o;
    private final FloatArray statistics;
    private final IntArray ranges;
    private final IntArray tiles;
    private final IntArray chosen;
    private final IntArray sizes = new IntArray(SoftmaxSizes.LENGTH);
    private final KernelPlan plan;
    private boolean closed;

    KernelAttend(KernelDevice device, Attend attend, KernelStyle style) {
        this.device = device;
        this.attend = attend;
        AttendSizes s = attend.sizes();
        // Kernels count elements in ints.
        if (s.widest() > Math.min(device.maxArrayBytes() / Float.BYTES, Integer.MAX_VALUE / 2)) {
            throw InputException.of(
                    SoftmaxAttention.NAME,
                    s.queries() + " queries and " + s.keys() + " keys take arrays of " + s.widest() + " floats on "
                            + device.id(),
                    "take the device jvm, or cut the sequences");
        }
        int rows = s.queries() * s.heads();
        int blocks = Math.ceilDiv(s.queries(), SIDE);
        this.q = floats((long) rows * s.width());
        this.k = floats((long) s.keys() * s.keyHeads() * s.width());
        this.v = floats((long) s.keys() * s.keyHeads() * s.values());
        this.o = floats((long) rows * s.values());
        this.statistics = floats((long) rows * SoftmaxSizes.STATISTICS);
        this.ranges = new IntArray(Math.max(1, s.queries() * SoftmaxSizes.RANGE));
        this.tiles = new IntArray(Math.max(2, 2 * blocks));
        this.chosen = new IntArray(attend.selective() ? Math.max(1, s.keys() * s.keyHeads()) : 1);
        sizes.set(SoftmaxSizes.HEADS, s.heads());
        sizes.set(SoftmaxSizes.KEY_HEADS, s.keyHeads());
        sizes.set(SoftmaxSizes.WIDTH, s.width());
        sizes.set(SoftmaxSizes.VALUES, s.values());
        sizes.set(SoftmaxSizes.TILED, attend.headMap() == HeadMap.TILED ? 1 : 0);
        int columns = Math.ceilDiv(s.values(), SIDE);
        // Heads too wide for the tiles go through the portable kernel, which has none.
        boolean tuned = style == KernelStyle.TUNED
                && GroupSoftmax.localFloats(s.width(), columns) * Float.BYTES <= device.localMemoryBytes();
        this.plan = device.prepare(program(tuned, columns, rows, blocks));
    }

    private KernelProgram program(boolean tuned, int columns, int rows, int blocks) {
        int selective = attend.selective() ? 1 : 0;
        KernelCall call = tuned
                ? KernelCall.tuned(
                        "attend",
                        new AttendKernel.Tuned(
                                q,
                                k,
                                v,
                                o,
                                statistics,
                                ranges,
                                tiles,
                                chosen,
                                sizes,
                                attend.sizes().width(),
                                columns,
                                attend.scale(),
                                attend.kind(),
                                selective),
                        Grid.ofGroups(Math.max(1, blocks) * attend.sizes().heads(), 1, SIDE, SIDE))
                : KernelCall.portable(
                        "attend",
                        new AttendKernel.Portable(
                                q,
                                k,
                                v,
                                o,
                                statistics,
                                ranges,
                                chosen,
                                sizes,
                                attend.scale(),
                                attend.kind(),
                                selective,
                                rows));
        return new KernelProgram(
                "softmax",
                List.of(call),
                List.of(),
                tuned ? List.of(sizes, q, k, v, ranges, tiles, chosen) : List.of(sizes, q, k, v, ranges, chosen),
                List.of(o, statistics));
    }

    @Override
    public synchronized KernelTimes run(AttendCall call) {
        if (closed) {
            throw new IllegalStateException("the plan of " + SoftmaxAttention.NAME + " is closed");
        }
        call.check(attend.sizes());
        long start = System.nanoTime();
        KeyRanges wanted = call.ranges();
        if (wanted.queries() == 0) {
            return KernelTimes.ofTotal(System.nanoTime() - start);
        }
        sizes.set(SoftmaxSizes.QUERIES, wanted.queries());
        for (int i = 0; i < wanted.bounds().length; i++) {
            ranges.set(i, wanted.bounds()[i]);
        }
        for (int i = 0; i < wanted.chosen().length; i++) {
            chosen.set(i, wanted.chosen()[i]);
        }
        setTiles(wanted);
        copy(call.q(), q);
        copy(call.k(), k);
        copy(call.v(), v);
        KernelTimes times = plan.execute();
        copy(o, call.o());
        call.statistics().ifPresent(s -> copy(statistics, s));
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    private void setTiles(KeyRanges wanted) {
        for (int tile = 0; 2 * tile < tiles.getSize(); tile++) {
            int first = Integer.MAX_VALUE;
            int end = 0;
            for (int i = tile * SIDE; i < Math.min(wanted.queries(), (tile + 1) * SIDE); i++) {
                first = Math.min(first, wanted.first(i));
                end = Math.max(end, wanted.end(i));
            }
            tiles.set(2 * tile, Math.min(first, end));
            tiles.set(2 * tile + 1, end);
        }
    }

    private void copy(MemorySegment from, FloatArray to) {
        MemorySegment.copy(from, 0, to.getSegment(), 0, from.byteSize());
        device.copies().add(from.byteSize());
    }

    private void copy(FloatArray from, MemorySegment to) {
        MemorySegment.copy(from.getSegment(), 0, to, 0, to.byteSize());
        device.copies().add(to.byteSize());
    }

    private static FloatArray floats(long count) {
        return new FloatArray(Math.toIntExact(Math.max(1, count)));
    }

    @Override
    public synchronized void close() {
        closed = true;
        plan.close();
    }
}
