package dev.gust.runtime.attention.parallel;

import dev.gust.formats.UsageException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * ZeCO's all-scan (arXiv 2507.01004): a state goes from each rank to the next in blocks of columns, and a rank passes a block on
 * while the one ahead works on the next. Each rank sends and receives one state, and its transition goes nowhere.
 */
public final class PipelinedScan implements Gather {
    /** Enough for ranks to overlap, few enough for messages not to be tiny. */
    private static final int BLOCKS = 16;

    private final Link link;
    private final int blocks;

    public PipelinedScan(Link link) {
        this(link, BLOCKS);
    }

    /** @param blocks into which a state is cut, the same on all ranks */
    public PipelinedScan(Link link, int blocks) {
        if (blocks < 1) {
            throw new UsageException("a scan of " + blocks + " blocks", "give 1 at least");
        }
        this.link = link;
        this.blocks = blocks;
    }

    @Override
    public void exchange(Contribution own, MemorySegment before) {
        StateChain chain = own.chain();
        boolean sends = link.rank() + 1 < link.size();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment after = sends ? arena.allocate(chain.stateBytes(), 64) : MemorySegment.NULL;
            chain.empty(before);
            if (sends && own.resets()) {
                // What comes does not matter to those behind: they need not wait for it.
                forBlocks(chain, (first, end) -> pass(own, before, after, first, end));
            }
            forBlocks(chain, (first, end) -> {
                if (link.rank() > 0) {
                    link.receive(link.rank() - 1, block(chain, before, first, end));
                }
                if (sends && !own.resets()) {
                    pass(own, before, after, first, end);
                }
            });
        }
    }

    private void pass(Contribution own, MemorySegment before, MemorySegment after, long first, long end) {
        own.carry(before, after, first, end);
        link.send(link.rank() + 1, block(own.chain(), after, first, end));
    }

    private static MemorySegment block(StateChain chain, MemorySegment state, long first, long end) {
        return state.asSlice(chain.columnBytes(first), chain.columnBytes(end - first));
    }

    private void forBlocks(StateChain chain, BlockTask task) {
        long columns = chain.columns();
        long length = Math.ceilDiv(columns, (long) blocks);
        for (long first = 0; first < columns; first += length) {
            task.run(first, Math.min(columns, first + length));
        }
    }

    /** Something done to columns {@code first} to {@code end} − 1. */
    private interface BlockTask {
        void run(long first, long end);
    }
}
