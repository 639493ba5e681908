package dev.gust.runtime.logits;

import dev.gust.kernels.logits.GroupBest;
import dev.gust.runtime.kernel.Grid;
import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * One plan of a head with the arrays by which the host talks to it; those that it does not have are of one element.
 *
 * @param h [M, D]
 * @param y [M, V] or [M, K]: kept on the device, or an output
 * @param found [M, slots]: what a gather reads
 * @param totals [M]
 * @param ids [M, slots]
 * @param scores [M, slots]
 * @param logits [M, slots]
 * @param slots room for each hidden state
 */
record HeadProgram(
        KernelPlan plan,
        FloatArray h,
        FloatArray y,
        IntArray found,
        IntArray totals,
        IntArray ids,
        FloatArray scores,
        FloatArray logits,
        int slots)
        implements AutoCloseable {
    /** Slots of a gather whose tokens the host names. */
    private static final int GATHERED = 1024;

    /** Scores of everything there is, for the host. */
    static HeadProgram scores(KernelDevice device, ScoreCalls scores, int d, int columns, int capacity) {
        FloatArray h = device.arrays().floats((long) capacity * d);
        FloatArray y = device.arrays().floats((long) capacity * columns);
        ScoreCalls.Scores made = scores.calls(h, y, capacity);
        KernelPlan plan = device.prepare(new KernelProgram(
                "scores" + capacity, made.calls(), scores.constants(), List.of(h), List.of(y), made.kept()));
        return new HeadProgram(plan, h, y, new IntArray(1), new IntArray(1), new IntArray(1), y, y, 0);
    }

    /** The best tokens, with exact logits where {@code rows} are given. */
    static HeadProgram best(
            KernelDevice device,
            VqHead head,
            ScoreCalls scores,
            FloatArray rows,
            boolean exact,
            boolean tuned,
            int wanted,
            int capacity) {
        FloatArray h = device.arrays().floats((long) capacity * head.d());
        FloatArray y = device.arrays().floats((long) capacity * head.v());
        ScoreCalls.Scores made = scores.calls(h, y, capacity);
        BestCalls best = BestCalls.of(device, tuned, y, head.v(), wanted, capacity);
        int slots = best.slots();
        var ids = new IntArray(capacity * slots);
        FloatArray found = device.arrays().floats((long) capacity * slots);
        FloatArray logits = device.arrays().floats((long) capacity * slots);
        FloatArray w = exact ? rows : device.arrays().noFloats();
        int flags = (head.bias().isPresent() ? BestKernels.Gather.BIAS : 0)
                | BestKernels.Gather.SCORES
                | (exact ? BestKernels.Gather.EXACT : 0);
        IntArray sizes = HeadArrays.sizes(head.v(), head.d(), 0);
        var gather = new BestKernels.Gather(
                best.found(),
                best.totals(),
                w,
                scores.bias(),
                h,
                y,
                ids,
                found,
                logits,
                sizes,
                flags,
                head.v(),
                slots,
                capacity,
                tuned);
        var calls = new ArrayList<KernelCall>(made.calls());
        calls.addAll(best.calls());
        calls.add(gather(gather, slots, capacity, tuned));
        var constants = new ArrayList<>(scores.constants());
        constants.add(sizes);
        constants.add(w);
        var kept = new ArrayList<TornadoNativeArray>(made.kept());
        kept.addAll(best.kept());
        kept.add(y);
        var outputs = new ArrayList<TornadoNativeArray>(List.of(ids, found, logits));
        if (tuned) {
            outputs.add(best.totals());
        } else {
            constants.add(best.totals());
        }
        KernelPlan plan = device.prepare(
                new KernelProgram("best" + capacity + "of" + wanted, calls, constants, List.of(h), outputs, kept));
        return new HeadProgram(plan, h, y, best.found(), best.totals(), ids, found, logits, slots);
    }

    /** Exact logits of tokens that the host names. */
    static HeadProgram gather(
            KernelDevice device, VqHead head, FloatArray rows, FloatArray bias, boolean tuned, int capacity) {
        FloatArray h = device.arrays().floats((long) capacity * head.d());
        FloatArray none = device.arrays().noFloats();
        var found = new IntArray(capacity * GATHERED);
        var totals = new IntArray(capacity);
        var ids = new IntArray(capacity * GATHERED);
        FloatArray scores = device.arrays().floats((long) capacity * GATHERED);
        FloatArray logits = device.arrays().floats((long) capacity * GATHERED);
        int flags = (head.bias().isPresent() ? BestKernels.Gather.BIAS : 0) | BestKernels.Gather.EXACT;
        IntArray sizes = HeadArrays.sizes(head.v(), head.d(), 0);
        var gather = new BestKernels.Gather(
                found, totals, rows, bias, h, none, ids, scores, logits, sizes, flags, head.v(), GATHERED, capacity,
                tuned);
        KernelPlan plan = device.prepare(new KernelProgram(
                "gather" + capacity,
                List.of(gather(gather, GATHERED, capacity, tuned)),
                List.of(rows, bias, none, sizes),
                List.of(h, found, totals),
                List.of(ids, scores, logits)));
        return new HeadProgram(plan, h, none, found, totals, ids, scores, logits, GATHERED);
    }

    private static KernelCall gather(BestKernels.Gather kernel, int slots, int capacity, boolean tuned) {
        return tuned
                ? KernelCall.tuned(
                        "gather",
                        kernel,
                        Grid.ofGroups(slots / (GroupBest.LOCAL / GroupBest.GATHER_LANES), capacity, GroupBest.LOCAL, 1))
                : KernelCall.portable("gather", kernel);
    }

    @Override
    public void close() {
        plan.close();
    }
}
