package dev.gust.runtime.vision;

import dev.gust.runtime.jvm.JvmDevice;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Attention by vector loops. Threads first share the heads, whose keys and values they read into states, and then blocks of
 * queries.
 */
final class JvmVision implements VisionPlan {
    private final JvmDevice device;
    private final VisionAttention attention;
    private final int threads;
    private volatile boolean closed;

    JvmVision(JvmDevice device, VisionAttention attention, int threads) {
        this.device = device;
        this.attention = attention;
        this.threads = threads;
    }

    @Override
    public KernelTimes run(VisionInputs inputs, MemorySegment o) {
        if (closed) {
            throw new IllegalStateException(
                    "the plan of rule " + attention.rule().label() + " is closed");
        }
        attention.check(inputs, o);
        long start = System.nanoTime();
        VisionShape shape = attention.shape();
        int helpers = mayShare(inputs, o) ? threads : 1;
        Optional<TokenBlock.Angles> angles = inputs.positions().map(p -> TokenBlock.Angles.of(p, shape.width()));
        int heads = Math.toIntExact(shape.batches() * shape.heads());
        var states = new HeadState[heads];
        device.forRows(heads, 1, helpers, (first, end) -> {
            var block = new TokenBlock(attention);
            for (long head = first; head < end; head++) {
                states[(int) head] = attention.rule() == VisionRule.SOFT
                        ? Landmarks.state(block, inputs, head)
                        : HeadState.of(block, inputs, angles, head);
            }
        });
        long blocks = Math.ceilDiv(shape.tokens(), TokenBlock.TOKENS);
        device.forRows(heads * blocks, Math.max(1, blocks / 2), helpers, (first, end) -> {
            var block = new TokenBlock(attention);
            for (long i = first; i < end; i++) {
                long head = i / blocks;
                int token = (int) (i % blocks) * TokenBlock.TOKENS;
                block.fetch(inputs.q(), head, token, block.rows);
                states[(int) head].read(block, angles, token);
                block.store(block.values, head, token, o);
            }
        });
        return KernelTimes.ofTotal(System.nanoTime() - start);
    }

    /** Memory of a confined arena belongs to the calling thread alone, which then does all the work. */
    private boolean mayShare(VisionInputs inputs, MemorySegment o) {
        return Stream.concat(
                        Stream.of(inputs.q(), inputs.k(), inputs.v(), o),
                        inputs.gates().stream().flatMap(g -> Stream.of(g.key(), g.value())))
                .allMatch(device::canReach);
    }

    @Override
    public void close() {
        closed = true;
    }
}
