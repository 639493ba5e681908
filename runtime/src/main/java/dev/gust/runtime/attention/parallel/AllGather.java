package dev.gust.runtime.attention.parallel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * LASP-2 (arXiv 2502.07563): ranks give each other their contributions at once, and each works out the state before its part
 * alone. One step of communication, of a size that does not depend on the tokens; the work of a rank grows with the ranks ahead.
 * Attention is causal, so contributions go to later ranks only.
 */
public final class AllGather implements Gather {
    private final Link link;

    public AllGather(Link link) {
        this.link = link;
    }

    @Override
    public void exchange(Contribution own, MemorySegment before) {
        StateChain chain = own.chain();
        long transitionBytes = chain.transitionBytes();
        // A word of its own keeps the rest aligned as floats: whether the contribution resets.
        long head = Float.BYTES;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment message = arena.allocate(head + transitionBytes + chain.stateBytes(), 64);
            MemorySegment transition = message.asSlice(head, transitionBytes);
            MemorySegment state = message.asSlice(head + transitionBytes);
            message.set(ValueLayout.JAVA_INT, 0, own.resets() ? 1 : 0);
            transition.copyFrom(own.transition());
            state.copyFrom(own.state());
            for (int to = link.rank() + 1; to < link.size(); to++) {
                link.send(to, message);
            }
            MemorySegment sum = arena.allocate(chain.stateBytes(), 64);
            chain.empty(before);
            for (int from = 0; from < link.rank(); from++) {
                link.receive(from, message);
                boolean resets = message.get(ValueLayout.JAVA_INT, 0) != 0;
                new Contribution(chain, resets, transition, state).carry(before, sum, 0, chain.columns());
                before.copyFrom(sum);
            }
        }
    }
}
