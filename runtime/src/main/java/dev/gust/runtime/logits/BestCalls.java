package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupBest;
import dev.gust.kernels.logits.PortableBest;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The kernels that find the best tokens of y [M, V].
 *
 * @param calls in their order
 * @param found receives [M, slots]: ids
 * @param totals receives [M]: how many there are, maybe more than slots
 * @param slots room for each hidden state
 * @param kept arrays that stay on the device, without the totals
 */
record BestCalls(List<KernelCall> calls, IntArray found, IntArray totals, int slots, List<TornadoNativeArray> kept) {
    /** Lists of a portable search are sorted by insertion: long ones are for the host. */
    private static final int MOST_SORTED = 1024;

    /** Room for a bounded search: so many times what is wanted is exceeded by one call in a million. */
    private static final int ROOM = 16;

    private static final int LEAST_ROOM = 256;

    /** Whether kernels find so many; else the host searches y. */
    static boolean fits(boolean tuned, int v, int wanted) {
        return tuned
                ? (long) groups(v) * GroupBest.MOST_HEAPS >= 2L * wanted && wanted <= MOST_SORTED * ROOM
                : wanted <= MOST_SORTED;
    }

    private static int groups(int v) {
        return Math.ceilDiv(v, GroupBest.TOKENS);
    }

    static BestCalls of(KernelDevice device, boolean tuned, FloatArray y, int v, int wanted, int capacity) {
        return tuned ? bounded(device, y, v, wanted, capacity) : sorted(device, y, v, wanted, capacity);
    }

    private static BestCalls bounded(KernelDevice device, FloatArray y, int v, int wanted, int capacity) {
        int groups = groups(v);
        int heaps = 1;
        while (heaps < GroupBest.MOST_HEAPS && (long) groups * heaps < 4L * wanted) {
            heaps *= 2;
        }
        int lanes = GroupBest.LOCAL / GroupBest.GATHER_LANES;
        int slots = Math.ceilDiv(Math.max(LEAST_ROOM, ROOM * wanted), lanes) * lanes;
        FloatArray maxima = device.arrays().floats((long) capacity * groups * heaps);
        FloatArray bounds = device.arrays().floats((long) capacity * groups);
        var counts = new IntArray(capacity * groups);
        var found = new IntArray(capacity * slots);
        var totals = new IntArray(capacity);
        IntArray sizes = HeadArrays.sizes(v, 0, 0);
        Grid grid = Grid.ofGroups(groups, capacity, GroupBest.LOCAL, 1);
        return new BestCalls(
                List.of(
                        KernelCall.tuned("maxima", new BestKernels.Maxima(y, maxima, sizes, heaps), grid),
                        KernelCall.tuned(
                                "count", new BestKernels.Count(y, maxima, bounds, counts, sizes, heaps, wanted), grid),
                        KernelCall.tuned(
                                "list", new BestKernels.Listing(y, bounds, counts, found, totals, sizes, slots), grid)),
                found,
                totals,
                slots,
                List.of(maxima, bounds, counts, found, sizes));
    }

    private static BestCalls sorted(KernelDevice device, FloatArray y, int v, int wanted, int capacity) {
        int lists = capacity * PortableBest.PARTS;
        FloatArray scores = device.arrays().floats((long) lists * wanted);
        var ids = new IntArray(lists * wanted);
        var next = new IntArray(lists);
        var found = new IntArray(capacity * wanted);
        var totals = new IntArray(capacity);
        totals.init(wanted);
        return new BestCalls(
                List.of(
                        KernelCall.portable("parts", new BestKernels.Parts(y, scores, ids, wanted, v, capacity)),
                        KernelCall.portable(
                                "merge", new BestKernels.Merge(scores, ids, next, found, wanted, capacity))),
                found,
                totals,
                wanted,
                List.of(scores, ids, next, found));
    }
}
