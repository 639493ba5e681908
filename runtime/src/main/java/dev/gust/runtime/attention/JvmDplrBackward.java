package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;

/** The gradients of a step of diagonal plus low rank by vector loops and threads: a head of a sequence is one's work. */
final class JvmDplrBackward implements BackwardPlan<DplrOperands, DplrGradients> {
    private final JvmDevice device;
    private final DplrStep step;
    private final DeltaSizes sizes;
    private final DecayGradient decays;
    private final Scratch scratch;
    private boolean closed;

    /**
     * @throws UsageException if a sequence is longer than an array can be
     */
    JvmDplrBackward(JvmDevice device, DplrStep step, DeltaSizes sizes, DecayGradient decays) {
        JvmDeltaBackward.requireRoom(sizes);
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.decays = decays;
        this.scratch = new Scratch(sizes.tokens());
    }

    @Override
    public synchronized KernelTimes run(
            DplrOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DplrGradients gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of the gradients of dplr is closed");
        }
        operands.check(step, sizes, sequences, dO);
        gradients.check(step, sizes, sequences);
        DeltaGradients.checkStates(sizes, sequences, initialStates, dFinalStates);
        long start = System.nanoTime();
        int tokens = sequences.tokens();
        long perToken = (long) sizes.valueHeads() * sizes.keyDim();
        var heads = new BackwardHeads(
                scratch.floats("q", tokens, perToken), scratch.floats("k", tokens, perToken), DeltaOperands.NOTHING);
        var call = new Call(operands, sequences, initialStates, dO, dFinalStates, gradients, heads);
        int threads = call.mayShare(device) ? device.threads(0) : 1;
        device.forRows((long) sequences.count() * sizes.valueHeads(), 1, threads, (first, end) -> {
            for (long i = first; i < end; i++) {
                head(call, (int) (i / sizes.valueHeads()), (int) (i % sizes.valueHeads()));
            }
        });
        keys(call, threads, heads.q(), operands.q(), gradients.q(), sizes.queryHeads());
        keys(call, threads, heads.k(), operands.k(), gradients.k(), sizes.keyHeads());
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private void head(Call call, int sequence, int head) {
        int begin = call.sequences().first(sequence);
        int end = call.sequences().end(sequence);
        // As many states are kept as a chunk has tokens, or fewer.
        int length = Math.max(DeltaGradient.CHUNK, (int) Math.ceil(Math.sqrt(end - begin)));
        var columns = new DplrColumns(step, sizes, length, end - begin);
        long state = (long) sequence * sizes.valueHeads() + head;
        columns.loadState(call.initialStates(), state);
        var block = new DplrBlock(step, sizes, Math.min(length, end - begin));
        for (int first = begin; first < end; first += length) {
            block.load(call.operands(), first, Math.min(first + length, end), head);
            columns.forward(block, first - begin);
        }
        columns.loadGradient(call.dFinalStates(), state);
        double[] sums = columns.products();
        for (int chunk = Math.ceilDiv(end - begin, length) - 1; chunk >= 0; chunk--) {
            int first = begin + chunk * length;
            block.load(call.operands(), first, Math.min(first + length, end), head);
            columns.backward(block, first - begin, call.dO(), (long) first * sizes.valueHeads() + head);
            if (decays == DecayGradient.SUMS) {
                columns.sumDecays(block, sums);
            }
            columns.store(block, (long) first * sizes.valueHeads() + head, call.heads(), call.gradients());
        }
        columns.storeGradient(call.gradients().initialStates(), state);
    }

    private void keys(Call call, int threads, MemorySegment from, MemorySegment x, MemorySegment to, int heads) {
        if (DeltaGradients.wanted(to)) {
            device.forRows((long) call.sequences().tokens() * heads, 64, threads, (first, end) -> {
                for (long i = first; i < end; i++) {
                    BackwardHeads.sum(sizes, step.normalizes(), from, x, to, heads, i);
                }
            });
        }
    }

    private record Call(
            DplrOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DplrGradients gradients,
            BackwardHeads heads) {
        /** Whether the device's threads may use all of this memory. */
        boolean mayShare(JvmDevice device) {
            return Stream.of(
                            operands.q(),
                            operands.k(),
                            operands.v(),
                            operands.a(),
                            operands.b(),
                            operands.g(),
                            initialStates,
                            dO,
                            dFinalStates,
                            gradients.q(),
                            gradients.k(),
                            gradients.v(),
                            gradients.a(),
                            gradients.b(),
                            gradients.g(),
                            gradients.initialStates())
                    .allMatch(device::canReach);
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            scratch.close();
        }
    }
}
