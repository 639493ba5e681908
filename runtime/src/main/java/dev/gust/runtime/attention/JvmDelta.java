package dev.gust.runtime.attention;

import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.DeltaStep.Erase;
import dev.gust.runtime.attention.DeltaStep.Normalize;
import dev.gust.runtime.attention.DeltaStep.Read;
import dev.gust.runtime.attention.jvm.BlockStep;
import dev.gust.runtime.attention.jvm.ChunkStep;
import dev.gust.runtime.attention.jvm.DeltaParts;
import dev.gust.runtime.attention.jvm.Panels;
import dev.gust.runtime.attention.jvm.RecurrentStep;
import dev.gust.runtime.attention.jvm.TokenBlock;
import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.ArrayBlockingQueue;

/**
 * The delta step by vector loops and threads, which share the work as {@link Shares} says. States lie in float arrays, a head's in each.
 */
final class JvmDelta implements StatePlan<DeltaOperands> {
    private final JvmDevice device;
    private final DeltaStep step;
    private final DeltaSizes sizes;
    private final int blockTokens;
    private final boolean chunked;
    private final DeltaParts parts;
    private final Panels panels;
    private final float[][] states;
    private final int threads;
    private final ArrayBlockingQueue<Scratch> free;
    private boolean closed;

    private record Scratch(TokenBlock block, BlockStep step) {}

    JvmDelta(JvmDevice device, DeltaStep step, DeltaSizes sizes, Form form) {
        this.device = device;
        this.step = step;
        this.sizes = sizes;
        this.blockTokens = switch (form) {
            case Form.Recurrent() -> TokenBlock.TOKENS;
            case Form.Chunked(int length) -> Math.min(length, TokenBlock.TOKENS);
        };
        this.chunked = form instanceof Form.Chunked;
        this.parts = new DeltaParts(
                step.decay() == Decay.CHANNEL,
                step.erase() != Erase.NONE,
                step.readsBefore(),
                step.read() == Read.BONUS);
        this.panels = new Panels(sizes.keyDim(), sizes.valueDim());
        this.threads = device.threads(0);
        this.free = new ArrayBlockingQueue<>(threads);
        long heads = (long) sizes.sequences() * sizes.valueHeads();
        if (panels.elements() > Integer.MAX_VALUE / 2 || heads > Integer.MAX_VALUE / 2) {
            throw new UsageException(
                    heads + " states of " + sizes.keyDim() + " x " + sizes.valueDim() + " are more than fit in memory",
                    "give fewer or smaller ones");
        }
        this.states = new float[(int) heads][(int) panels.elements()];
    }

    @Override
    public synchronized KernelTimes run(DeltaOperands operands, Sequences sequences, MemorySegment o) {
        requireOpen();
        operands.check(step, sizes, sequences, o);
        long start = System.nanoTime();
        int helpers = mayShare(operands, o) ? threads : 1;
        Shares shares = Shares.of(sequences.count(), sizes.valueHeads(), panels.count(), helpers);
        device.forRows(shares.count(), 1, helpers, (first, end) -> {
            Scratch scratch = borrow();
            for (long i = first; i < end; i++) {
                share(scratch, operands, sequences, shares.get(i), o);
            }
            free.offer(scratch);
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    private Scratch borrow() {
        Scratch scratch = free.poll();
        if (scratch != null) {
            return scratch;
        }
        return new Scratch(
                new TokenBlock(panels, parts),
                chunked ? new ChunkStep(panels, parts) : new RecurrentStep(panels, parts));
    }

    private void share(Scratch scratch, DeltaOperands x, Sequences sequences, Shares.Share share, MemorySegment o) {
        int end = sequences.end(share.sequence());
        for (int first = sequences.first(share.sequence()); first < end; first += blockTokens) {
            int count = Math.min(blockTokens, end - first);
            for (int head = share.firstHead(); head < share.endHead(); head++) {
                block(scratch, x, first, count, share, head, o);
            }
        }
    }

    private void block(
            Scratch scratch, DeltaOperands x, int first, int count, Shares.Share share, int head, MemorySegment o) {
        int from = panels.firstColumn(share.firstPanel());
        int to = panels.firstColumn(share.endPanel());
        float[] state = states[share.sequence() * sizes.valueHeads() + head];
        TokenBlock block = scratch.block();
        block.begin(count);
        for (int i = 0; i < count; i++) {
            keys(block, x, i, first + i, head);
            block.target(i, x.v(), targetAt(first + i, head), from, to);
        }
        decays(block, x.g(), first, count, head);
        scratch.step().run(block, state, share.firstPanel(), share.endPanel());
        for (int i = 0; i < count; i++) {
            block.result(i, o, targetAt(first + i, head), from, to);
        }
    }

    private void keys(TokenBlock block, DeltaOperands x, int i, int token, int head) {
        Normalize normalize = step.normalize();
        float squares = block.query(i, x.q(), keyAt(token, head, sizes.queryHeads()));
        block.scaleQuery(
                i, normalize == Normalize.NONE ? step.scale() : step.scale() * TokenBlock.inverseLength(squares));
        float written = block.writeKey(i, x.k(), keyAt(token, head, sizes.keyHeads()));
        float erased = step.ownKey() ? block.eraseKey(i, x.e(), keyAt(token, head, sizes.eraseHeads())) : 0;
        if (normalize.keys()) {
            float length = TokenBlock.inverseLength(normalize == Normalize.BY_ERASE_KEY ? erased : written);
            block.scaleWriteKey(i, length);
            if (step.ownKey()) {
                block.scaleEraseKey(i, normalize == Normalize.EACH ? TokenBlock.inverseLength(erased) : length);
            }
        }
        if (step.erase() == Erase.WRITE_KEY) {
            block.eraseByWriteKey(i);
        }
        if (step.beta()) {
            block.beta(i, x.beta(), lineAt(token, head));
        }
    }

    private void decays(TokenBlock block, MemorySegment g, int first, int count, int head) {
        switch (step.decay()) {
            case NONE -> {}
            case HEAD -> block.decays(g, head, 0);
            case TOKEN -> block.decays(g, lineAt(first, head), sizes.valueHeads());
            case CHANNEL -> {
                for (int i = 0; i < count; i++) {
                    block.channelDecays(i, g, lineAt(first + i, head) * sizes.keyDim());
                }
            }
        }
    }

    private long keyAt(int token, int valueHead, int heads) {
        int head = sizes.headMap().head(valueHead, sizes.valueHeads(), heads);
        return ((long) token * heads + head) * sizes.keyDim();
    }

    private long targetAt(int token, int head) {
        return lineAt(token, head) * sizes.valueDim();
    }

    private long lineAt(int token, int head) {
        return (long) token * sizes.valueHeads() + head;
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(DeltaOperands x, MemorySegment o) {
        return device.canReach(x.q())
                && device.canReach(x.k())
                && device.canReach(x.e())
                && device.canReach(x.v())
                && device.canReach(x.beta())
                && device.canReach(x.g())
                && device.canReach(o);
    }

    @Override
    public synchronized void clearState(int sequence) {
        requireOpen();
        for (int h = 0; h < sizes.valueHeads(); h++) {
            Arrays.fill(states[sequence * sizes.valueHeads() + h], 0);
        }
    }

    @Override
    public synchronized void loadStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueHeads();
        for (int i = 0; i < n; i++) {
            panels.load(all, i * stateBytes(), states[i]);
        }
    }

    @Override
    public synchronized void saveStates(MemorySegment all) {
        requireOpen();
        int n = DeltaStates.count(all, sizes) * sizes.valueHeads();
        for (int i = 0; i < n; i++) {
            panels.save(states[i], all, i * stateBytes());
        }
    }

    private long stateBytes() {
        return (long) sizes.keyDim() * sizes.valueDim() * Float.BYTES;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a delta step is closed");
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
    }
}
