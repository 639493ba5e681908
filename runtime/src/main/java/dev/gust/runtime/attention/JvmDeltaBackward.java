package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.kernels.attention.DeltaGradient;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.stream.Stream;

/** The gradients of the delta step by vector loops and threads: a head of a sequence is one's work. */
final class JvmDeltaBackward implements BackwardPlan<DeltaOperands, DeltaGradients> {
    private static final long MOST_FLOATS = Integer.MAX_VALUE / 2;

    private final JvmDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    private final DecayGradient decays;
    private final Scratch scratch;
    private boolean closed;

    /**
     * @throws UsageException if a sequence is longer than an array can be
     */
    JvmDeltaBackward(JvmDevice device, DeltaStep step, DeltaSizes sizes, DecayGradient decays) {
        requireRoom(sizes);
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.decays = decays;
        this.scratch = new Scratch(sizes.tokens());
    }

    /**
     * @throws UsageException if a sequence is longer than an array can be
     */
    static void requireRoom(DeltaSizes sizes) {
        long floats = (long) sizes.tokens() * Math.max(sizes.valueDim(), BackwardBlock.stride(sizes));
        if (floats > MOST_FLOATS || sizes.stateElements(1) / sizes.valueHeads() > MOST_FLOATS / 2) {
            throw new UsageException(
                    "gradients of " + sizes.tokens() + " tokens of heads of " + sizes.keyDim() + " x "
                            + sizes.valueDim() + " do not fit in an array",
                    "prepare for fewer tokens in a call");
        }
    }

    @Override
    public synchronized KernelTimes run(
            DeltaOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DeltaGradients gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of a delta step's gradients is closed");
        }
        operands.check(step, sizes, sequences, dO);
        gradients.check(step, sizes, sequences);
        DeltaGradients.checkStates(sizes, sequences, initialStates, dFinalStates);
        long start = System.nanoTime();
        var call = new Call(operands, sequences, initialStates, dO, dFinalStates, gradients, heads(sequences.tokens()));
        int threads = call.mayShare(device) ? device.threads(0) : 1;
        int valueHeads = sizes.valueHeads();
        double[] headDecays = new double[sequences.count() * valueHeads];
        device.forRows(headDecays.length, 1, threads, (first, end) -> {
            for (int i = (int) first; i < end; i++) {
                headDecays[i] = head(call, i / valueHeads, i % valueHeads);
            }
        });
        keys(call, threads);
        if (step.decay() == Decay.HEAD && DeltaGradients.wanted(gradients.g())) {
            for (int h = 0; h < valueHeads; h++) {
                double sum = 0;
                for (int n = 0; n < sequences.count(); n++) {
                    sum += headDecays[n * valueHeads + h];
                }
                RuleCall.set(gradients.g(), h, (float) sum);
            }
        }
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private BackwardHeads heads(int tokens) {
        long perToken = (long) sizes.valueHeads() * sizes.keyDim();
        return new BackwardHeads(
                scratch.floats("q", tokens, perToken),
                scratch.floats("k", tokens, perToken),
                step.ownKey() ? scratch.floats("e", tokens, perToken) : DeltaOperands.NOTHING);
    }

    /** One head of a sequence. Returns the gradient of its decay, if it has one for all tokens. */
    private double head(Call call, int sequence, int head) {
        int begin = call.sequences().first(sequence);
        int end = call.sequences().end(sequence);
        // As many states are kept as a chunk has tokens, or fewer.
        int length = Math.max(DeltaGradient.CHUNK, (int) Math.ceil(Math.sqrt(end - begin)));
        var columns = new BackwardColumns(step, sizes, length, end - begin);
        long state = (long) sequence * sizes.valueHeads() + head;
        columns.loadState(call.initialStates(), state);
        var block = new BackwardBlock(step, sizes, Math.min(length, end - begin));
        for (int first = begin; first < end; first += length) {
            block.load(call.operands(), call.dO(), first, Math.min(first + length, end), head);
            columns.forward(block, first - begin);
        }
        columns.loadGradient(call.dFinalStates(), state);
        double[] sums = columns.products();
        double decay = 0;
        for (int chunk = Math.ceilDiv(end - begin, length) - 1; chunk >= 0; chunk--) {
            int first = begin + chunk * length;
            block.load(call.operands(), call.dO(), first, Math.min(first + length, end), head);
            columns.backward(block, first - begin);
            if (decays == DecayGradient.SUMS) {
                block.sumDecays(sums);
            }
            block.store(call.heads(), call.gradients());
            for (int t = 0; t < block.count; t++) {
                decay += step.decay() == Decay.HEAD ? block.decayGradient(t) : 0;
            }
        }
        columns.storeGradient(call.gradients().initialStates(), state);
        return decay;
    }

    private void keys(Call call, int threads) {
        DeltaOperands x = call.operands();
        DeltaGradients to = call.gradients();
        BackwardHeads heads = call.heads();
        Normalize normalize = step.normalize();
        boolean unit = normalize.keys();
        keys(call, threads, normalize != Normalize.NONE, heads.q(), x.q(), to.q(), sizes.queryHeads());
        if (normalize != Normalize.BY_ERASE_KEY) {
            keys(call, threads, unit, heads.k(), x.k(), to.k(), sizes.keyHeads());
        }
        if (step.ownKey() && normalize != Normalize.BY_WRITE_KEY) {
            keys(call, threads, unit, heads.e(), x.e(), to.e(), sizes.eraseHeads());
        }
        if (normalize == Normalize.BY_WRITE_KEY) {
            share(call, threads, x.k(), x.e(), heads.e(), to.k(), to.e(), sizes.keyHeads());
        }
        if (normalize == Normalize.BY_ERASE_KEY) {
            share(call, threads, x.e(), x.k(), heads.k(), to.e(), to.k(), sizes.eraseHeads());
        }
    }

    private void keys(
            Call call, int threads, boolean unit, MemorySegment from, MemorySegment x, MemorySegment to, int heads) {
        if (DeltaGradients.wanted(to)) {
            device.forRows((long) call.sequences().tokens() * heads, 64, threads, (first, end) -> {
                for (long i = first; i < end; i++) {
                    BackwardHeads.sum(sizes, unit, from, x, to, heads, i);
                }
            });
        }
    }

    private void share(
            Call call,
            int threads,
            MemorySegment x,
            MemorySegment y,
            MemorySegment from,
            MemorySegment dX,
            MemorySegment dY,
            int heads) {
        if (DeltaGradients.wanted(dX) || DeltaGradients.wanted(dY)) {
            device.forRows((long) call.sequences().tokens() * heads, 64, threads, (first, end) -> {
                for (long i = first; i < end; i++) {
                    BackwardHeads.share(sizes, x, y, from, dX, dY, heads, i);
                }
            });
        }
    }

    private record Call(
            DeltaOperands operands,
            Sequences sequences,
            MemorySegment initialStates,
            MemorySegment dO,
            MemorySegment dFinalStates,
            DeltaGradients gradients,
            BackwardHeads heads) {
        /** Whether the device's threads may use all of this memory. */
        boolean mayShare(JvmDevice device) {
            return Stream.of(
                            operands.q(),
                            operands.k(),
                            operands.e(),
                            operands.v(),
                            operands.beta(),
                            operands.g(),
                            initialStates,
                            dO,
                            dFinalStates,
                            gradients.q(),
                            gradients.k(),
                            gradients.e(),
                            gradients.v(),
                            gradients.beta(),
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
