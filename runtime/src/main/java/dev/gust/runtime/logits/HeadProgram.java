package dev.gust.runtime.logits;

import dev.gust.runtime.kernel.KernelCall;
import dev.gust.runtime.kernel.KernelDevice;
import dev.gust.runtime.kernel.KernelPlan;
import dev.gust.runtime.kernel.KernelProgram;
import java.util.ArrayList;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/** One plan of a head with the arrays by which the host talks to it. */
sealed interface HeadProgram extends AutoCloseable {
    /** Slots of a gather whose tokens the host names. */
    int GATHERED = 1024;

    KernelPlan plan();

    /** [M, D]. */
    FloatArray h();

    @Override
    default void close() {
        plan().close();
    }

    /**
     * Scores for the host.
     *
     * @param y [M, V] or [M, K]
     */
    record Scores(KernelPlan plan, FloatArray h, FloatArray y) implements HeadProgram {}

    /**
     * The best tokens.
     *
     * @param y [M, V], kept on the device
     * @param listed [M, 1 + slots]: how many tokens there are, which may be more than slots, and their ids
     * @param values [M, 2, slots]: their scores and logits
     * @param slots room for each hidden state
     */
    record Best(KernelPlan plan, FloatArray h, FloatArray y, IntArray listed, FloatArray values, int slots)
            implements HeadProgram {
        /** How many tokens were found for a hidden state. */
        int total(int row) {
            return listed.get(row * (slots + 1));
        }

        int id(int row, int slot) {
            return listed.get(row * (slots + 1) + 1 + slot);
        }

        float score(int row, int slot) {
            return values.get(2 * row * slots + slot);
        }

        float logit(int row, int slot) {
            return values.get((2 * row + 1) * slots + slot);
        }
    }

    /**
     * Exact logits of tokens that the host names.
     *
     * @param found [M, GATHERED]
     * @param totals [M]: how many of these are filled
     * @param values [M, 2, GATHERED]: nothing, and their logits
     */
    record Gather(KernelPlan plan, FloatArray h, IntArray found, IntArray totals, FloatArray values)
            implements HeadProgram {
        float logit(int row, int slot) {
            return values.get((2 * row + 1) * GATHERED + slot);
        }
    }

    /** Scores of everything there is, for the host. */
    static Scores scores(KernelDevice device, ScoreCalls scores, int d, int columns, int capacity) {
        FloatArray h = device.arrays().floats((long) capacity * d);
        FloatArray y = device.arrays().floats((long) capacity * columns);
        ScoreCalls.Scores made = scores.calls(h, scores.only(y), capacity);
        KernelPlan plan = device.prepare(new KernelProgram(
                "scores" + capacity, made.calls(), scores.constants(), List.of(h), List.of(y), made.kept()));
        return new Scores(plan, h, y);
    }

    /** The best tokens, with exact logits where {@code rows} are given. */
    static Best best(
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
        int heap = tuned ? BestCalls.heap(head.v(), wanted) : 0;
        FloatArray maxima = tuned
                ? device.arrays().floats((long) capacity * Math.ceilDiv(head.v(), heap))
                : device.arrays().noFloats();
        ScoreCalls.Scores made = scores.calls(h, new ScoreCalls.Into(y, maxima, heap), capacity);
        int slots = BestCalls.slots(tuned, wanted);
        var listed = new IntArray(capacity * (slots + 1));
        FloatArray values = device.arrays().floats(2L * capacity * slots);
        FloatArray w = exact ? rows : device.arrays().noFloats();
        BestCalls best = BestCalls.of(
                device,
                tuned,
                new BestCalls.Search(
                        head, w, scores.bias(), h, y, maxima, listed, values, exact, wanted, slots, capacity));
        var calls = new ArrayList<KernelCall>(made.calls());
        calls.addAll(best.calls());
        var constants = new ArrayList<>(scores.constants());
        constants.addAll(best.constants());
        constants.add(w);
        var kept = new ArrayList<TornadoNativeArray>(made.kept());
        kept.addAll(best.kept());
        kept.add(maxima);
        kept.add(y);
        KernelPlan plan = device.prepare(new KernelProgram(
                "best" + capacity + "of" + wanted, calls, constants, List.of(h), List.of(listed, values), kept));
        return new Best(plan, h, y, listed, values, slots);
    }

    /** A program of exact logits. */
    static Gather gather(
            KernelDevice device, VqHead head, FloatArray rows, FloatArray bias, boolean tuned, int capacity) {
        FloatArray h = device.arrays().floats((long) capacity * head.d());
        FloatArray none = device.arrays().noFloats();
        var found = new IntArray(capacity * GATHERED);
        var totals = new IntArray(capacity);
        var listed = new IntArray(capacity * (GATHERED + 1));
        FloatArray values = device.arrays().floats(2L * capacity * GATHERED);
        int flags = (head.bias().isPresent() ? BestKernels.Gather.BIAS : 0) | BestKernels.Gather.EXACT;
        IntArray sizes = HeadArrays.sizes(head.v(), head.d(), 0);
        var gather = new BestKernels.Gather(
                found, totals, rows, bias, h, none, listed, values, sizes, flags, head.v(), GATHERED, capacity, tuned);
        KernelPlan plan = device.prepare(new KernelProgram(
                "gather" + capacity,
                List.of(BestCalls.gather(gather)),
                List.of(rows, bias, none, sizes),
                List.of(h, found, totals),
                List.of(listed, values)));
        return new Gather(plan, h, found, totals, values);
    }
}
