package dev.gust.runtime.attention.parallel;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A split made ready on its devices: a plan as any other, whose states are in the host's memory between calls, since the next
 * call may cut elsewhere.
 */
public final class ParallelPlan implements AttentionPlan {
    private final SequenceParallel split;
    private final AttentionSizes sizes;
    private final Decay optional;
    private final String where;
    private final List<RankPlan> ranks = new ArrayList<>();
    private final RankThreads threads;
    private final HostStates states;
    private boolean closed;

    ParallelPlan(SequenceParallel split, AttentionSizes sizes, Decay optional, String where) {
        this.split = split;
        this.sizes = sizes;
        this.optional = optional;
        this.where = where;
        try {
            for (int r = 0; r < count(); r++) {
                ranks.add(rank(r, Math.max(1, Math.ceilDiv(sizes.tokens(), count()))));
            }
            RankPlan first = ranks.getFirst();
            this.states = new HostStates(first.stateTensors(), first.chain(), sizes.sequences());
        } catch (RuntimeException | OutOfMemoryError e) {
            ranks.forEach(RankPlan::close);
            throw e;
        }
        this.threads = new RankThreads(count());
    }

    private int count() {
        return split.devices().size();
    }

    private RankPlan rank(int r, int tokens) {
        var most = new AttentionSizes(
                tokens, sizes.sequences(), sizes.heads(), sizes.valueHeads(), sizes.keyDim(), sizes.valueDim());
        return RankPlan.prepare(split.attention(), split.devices().get(r), most, optional, where);
    }

    /** Runs a call in parts as even as can be. */
    @Override
    public KernelTimes run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        return run(tensors, sequences, Partition.even(sequences.tokens(), count()), o);
    }

    /**
     * Runs a call in given parts. A device whose part is longer than any before is made ready anew.
     *
     * @param partition as many parts as devices, of as many tokens as the sequences have
     * @return the largest of the ranks' times, and the total
     * @throws UsageException if the parts are not those of the call
     * @throws InputException as {@link AttentionPlan#run}; nothing has run then
     */
    public synchronized KernelTimes run(
            Map<String, MemorySegment> tensors, Sequences sequences, Partition partition, MemorySegment o) {
        requireOpen();
        split.attention().check(sizes, where, tensors, sequences, o);
        if (partition.ranks() != count() || partition.tokens() != sequences.tokens()) {
            throw new UsageException(
                    partition.ranks() + " parts of " + partition.tokens() + " tokens for " + count() + " devices and "
                            + sequences.tokens() + " tokens",
                    "give a part to each device, and every token to a part");
        }
        long start = System.nanoTime();
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        for (int r = 0; r < count(); r++) {
            int tokens = partition.end(r) - partition.first(r);
            if (tokens > ranks.get(r).tokens()) {
                RankPlan longer = rank(r, tokens);
                ranks.set(r, longer).close();
            }
        }
        try (Arena arena = Arena.ofShared()) {
            var shared = SharedTensors.of(tensors, o, arena);
            var links = new LocalLinks(count());
            List<Part> parts = new ArrayList<>();
            List<Map<String, MemorySegment>> partStates = new ArrayList<>();
            List<RankThreads.Work> work = new ArrayList<>();
            var cut = new PartTensors(split.attention(), sizes);
            long perToken = (long) sizes.valueHeads() * sizes.valueDim() * Float.BYTES;
            for (int r = 0; r < count(); r++) {
                int from = partition.first(r);
                int end = partition.end(r);
                Part part = partition.part(sequences, r);
                Map<String, MemorySegment> own = cut.of(shared.tensors(), sequences.tokens(), from, end);
                Map<String, MemorySegment> ownStates = states.copyOf(part, arena);
                MemorySegment ownO = shared.o().asSlice(from * perToken, (end - from) * perToken);
                RankPlan rank = ranks.get(r);
                Gather gather = split.gather().apply(links.link(r));
                parts.add(part);
                partStates.add(ownStates);
                work.add(() -> rank.run(part, own, ownStates, gather, ownO));
            }
            List<KernelTimes> times = threads.run(work, links);
            for (int r = 0; r < count(); r++) {
                states.take(parts.get(r), partStates.get(r));
            }
            shared.finish(o);
            return new KernelTimes(
                    times.stream().mapToLong(KernelTimes::kernel).max().orElse(0),
                    times.stream().mapToLong(KernelTimes::transfer).max().orElse(0),
                    times.stream().mapToLong(KernelTimes::compile).max().orElse(0),
                    System.nanoTime() - start);
        }
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        states.clear(sequence);
    }

    @Override
    public List<StateTensor> stateTensors() {
        return states.tensors();
    }

    @Override
    public synchronized void load(Map<String, MemorySegment> from, int n) {
        requireOpen();
        states.load(from, n);
    }

    @Override
    public synchronized void save(Map<String, MemorySegment> to, int n) {
        requireOpen();
        states.save(to, n);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of a split " + LinearAttention.NAME + " is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            ranks.forEach(RankPlan::close);
            threads.close();
            states.close();
        }
    }

    /** A call's memory as all threads may use it: what is confined to the caller's is copied. */
    private record SharedTensors(Map<String, MemorySegment> tensors, MemorySegment o) {
        static SharedTensors of(Map<String, MemorySegment> tensors, MemorySegment o, Arena arena) {
            Map<String, MemorySegment> all = new HashMap<>();
            tensors.forEach((name, tensor) -> all.put(
                    name,
                    shared(tensor)
                            ? tensor
                            : arena.allocate(tensor.byteSize(), 64).copyFrom(tensor)));
            return new SharedTensors(all, shared(o) ? o : arena.allocate(o.byteSize(), 64));
        }

        private static boolean shared(MemorySegment segment) {
            return segment.isAccessibleBy(Thread.ofPlatform().unstarted(() -> {}));
        }

        void finish(MemorySegment to) {
            if (!shared(to)) {
                to.copyFrom(o);
            }
        }
    }
}
