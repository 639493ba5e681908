package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupBest;
import dev.gust.kernels.logits.GroupSelect;
import dev.gust.kernels.logits.PortableBest;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The kernels that find the best tokens of y [M, V], and multiply their rows where that is asked for.
 *
 * @param calls in their order
 * @param kept arrays that stay on the device
 * @param constants arrays that go there once
 */
record BestCalls(List<KernelCall> calls, List<TornadoNativeArray> kept, List<TornadoNativeArray> constants) {
    /** Lists of a portable search are sorted by insertion: long ones are for the host. */
    private static final int MOST_SORTED = 1024;

    private static final int MOST_BOUNDED = 16_384;

    private static final int LEAST_HEAP = 8;

    /** Room for a bounded search: so many times what is wanted is exceeded by one call in a million. */
    private static final int ROOM = 16;

    private static final int LEAST_ROOM = 256;

    /** Groups that select and multiply, at most; about as many teams as tokens are expected take one round. */
    private static final int MOST_GROUPS = 256;

    /**
     * What is searched, and where the results go.
     *
     * @param rows [V, D], or a single element where logits are the scores
     * @param h [M, D]
     * @param y [M, V]
     * @param maxima [M, ceil(V / heap)], for tuned kernels
     * @param listed receives [M, 1 + slots]
     * @param values receives [M, 2, slots]
     * @param wanted tokens
     * @param slots as {@link #slots} says
     */
    record Search(
            VqHead head,
            FloatArray rows,
            FloatArray bias,
            FloatArray h,
            FloatArray y,
            FloatArray maxima,
            IntArray listed,
            FloatArray values,
            boolean exact,
            int wanted,
            int slots,
            int capacity) {
        private int flags() {
            return (head.bias().isPresent() ? BestKernels.Gather.BIAS : 0)
                    | BestKernels.Gather.SCORES
                    | (exact ? BestKernels.Gather.EXACT : 0);
        }
    }

    /** Whether kernels find so many; else the host searches y. */
    static boolean fits(boolean tuned, int v, int wanted) {
        return tuned ? heap(v, wanted) > 0 && wanted <= MOST_BOUNDED : wanted <= MOST_SORTED;
    }

    /** Tokens of a heap: as many as leave a few heaps to each pile, or 0 if there are too few tokens. */
    static int heap(int v, int wanted) {
        for (int heap = GroupSelect.MOST_HEAP; heap >= LEAST_HEAP; heap /= 2) {
            if (Math.ceilDiv(v, heap) >= 4L * wanted) {
                return heap;
            }
        }
        return Math.ceilDiv(v, LEAST_HEAP) >= 2L * wanted ? LEAST_HEAP : 0;
    }

    /** Room for tokens that reach the bound. */
    static int slots(boolean tuned, int wanted) {
        int lanes = GroupBest.LOCAL / GroupBest.GATHER_LANES;
        return tuned ? Math.ceilDiv(Math.max(LEAST_ROOM, ROOM * wanted), lanes) * lanes : wanted;
    }

    static BestCalls of(KernelDevice device, boolean tuned, Search search) {
        if (!tuned) {
            return sorted(device, search);
        }
        return search.slots() <= GroupSelect.MOST_SELECTED ? selected(search) : bounded(device, search);
    }

    private static BestCalls selected(Search s) {
        int d = s.head().d();
        // Eight numbers of a row to a work-item, all of them on their way at once.
        int lanes = GroupSelect.LEAST_LANES;
        while (lanes < GroupSelect.LOCAL && 8 * lanes < d) {
            lanes *= 2;
        }
        int teams = GroupSelect.LOCAL / lanes;
        int groups = s.exact() ? Math.clamp(6L * s.wanted() / teams, 1, MOST_GROUPS) : 1;
        var select = new BestKernels.Select(
                s.y(),
                s.maxima(),
                s.rows(),
                s.bias(),
                s.h(),
                s.listed(),
                s.values(),
                s.head().v(),
                d,
                s.flags(),
                heap(s.head().v(), s.wanted()),
                s.wanted(),
                s.slots(),
                lanes);
        return new BestCalls(
                List.of(KernelCall.tuned("select", select, Grid.ofGroups(groups, s.capacity(), GroupSelect.LOCAL, 1))),
                List.of(),
                List.of());
    }

    private static BestCalls bounded(KernelDevice device, Search s) {
        int v = s.head().v();
        int groups = Math.ceilDiv(v, GroupBest.TOKENS);
        FloatArray bounds = device.arrays().floats((long) s.capacity() * groups);
        var counts = new IntArray(s.capacity() * groups);
        var found = new IntArray(s.capacity() * s.slots());
        var totals = new IntArray(s.capacity());
        IntArray sizes = HeadArrays.sizes(v, s.head().d(), 0);
        Grid grid = Grid.ofGroups(groups, s.capacity(), GroupBest.LOCAL, 1);
        var count = new BestKernels.Count(s.y(), s.maxima(), bounds, counts, sizes, heap(v, s.wanted()), s.wanted());
        var listing = new BestKernels.Listing(s.y(), bounds, counts, found, totals, sizes, s.slots());
        return new BestCalls(
                List.of(
                        KernelCall.tuned("count", count, grid),
                        KernelCall.tuned("list", listing, grid),
                        gather(s, found, totals, sizes, true)),
                List.of(bounds, counts, found, totals),
                List.of(sizes));
    }

    private static BestCalls sorted(KernelDevice device, Search s) {
        int wanted = s.wanted();
        int capacity = s.capacity();
        int lists = capacity * PortableBest.PARTS;
        FloatArray scores = device.arrays().floats((long) lists * wanted);
        var ids = new IntArray(lists * wanted);
        var next = new IntArray(lists);
        var found = new IntArray(capacity * wanted);
        var totals = new IntArray(capacity);
        totals.init(wanted);
        int v = s.head().v();
        IntArray sizes = HeadArrays.sizes(v, s.head().d(), 0);
        return new BestCalls(
                List.of(
                        KernelCall.portable("parts", new BestKernels.Parts(s.y(), scores, ids, wanted, v, capacity)),
                        KernelCall.portable("merge", new BestKernels.Merge(scores, ids, next, found, wanted, capacity)),
                        gather(s, found, totals, sizes, false)),
                List.of(scores, ids, next, found),
                List.of(totals, sizes));
    }

    private static KernelCall gather(Search s, IntArray found, IntArray totals, IntArray sizes, boolean tuned) {
        return gather(new BestKernels.Gather(
                found,
                totals,
                s.rows(),
                s.bias(),
                s.h(),
                s.y(),
                s.listed(),
                s.values(),
                sizes,
                s.flags(),
                s.head().v(),
                s.slots(),
                s.capacity(),
                tuned));
    }

    static KernelCall gather(BestKernels.Gather kernel) {
        int rows = GroupBest.LOCAL / GroupBest.GATHER_LANES;
        return kernel.tuned()
                ? KernelCall.tuned(
                        "gather", kernel, Grid.ofGroups(kernel.slots() / rows, kernel.capacity(), GroupBest.LOCAL, 1))
                : KernelCall.portable("gather", kernel);
    }
}
