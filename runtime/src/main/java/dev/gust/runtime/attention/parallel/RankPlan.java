package dev.gust.runtime.attention.parallel;

import dev.gust.formats.DeviceException;
import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.AttentionPlan;
import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.attention.AttentionSizes;
import dev.gust.runtime.attention.DeltaStep.Decay;
import dev.gust.runtime.attention.LinearAttention;
import dev.gust.runtime.attention.Sequences;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One rank's side of linear attention over a split row of tokens: it sees its part and its {@link Gather}, so that ranks may be
 * threads or processes. For one call at a time.
 *
 * <p>Sequences that begin in the part run once, before anything is exchanged. A part from within one sequence runs twice: first
 * from an empty state, to learn what it does to a state, and after the exchange from the state ahead of it. The second run is
 * the rule's own, so that whatever o is made of (division by normalisers, bonuses, reads before the step) is as it is without a
 * split; adding what the state ahead contributes to o instead would save that run for rules whose o is linear in the state, but
 * needs a K-vector for each token and head, as many as there are columns of a state, from the first.
 *
 * <p>The first run finds state and transition at once: v has columns of zeros behind its own, and what their state of ones (or,
 * where steps mix channels, the identity) becomes is the transition.
 */
public final class RankPlan implements AutoCloseable {
    private final LinearAttention attention;
    private final Device device;
    private final AttentionSizes sizes;
    private final Decay optional;
    private final String where;
    private final AttentionPlan main;
    private final StateChain chain;
    private Optional<AttentionPlan> probe = Optional.empty();

    private RankPlan(LinearAttention attention, Device device, AttentionSizes sizes, Decay optional, String where) {
        this.attention = attention;
        this.device = device;
        this.sizes = sizes;
        this.optional = optional;
        this.where = where;
        this.main = attention.prepare(device, sizes, optional, where);
        try {
            this.chain = StateChain.of(attention, sizes, main.stateTensors());
        } catch (RuntimeException e) {
            main.close();
            throw e;
        }
    }

    /**
     * Makes a rank ready on its device. Costly: keep the plan. What the first run needs is made when a part first needs it.
     *
     * @param sizes the most of a part
     * @param optional what g is, for rules where it may be left out
     * @param where what errors about tensors name
     * @throws InputException if the sizes do not fit together
     * @throws UsageException if the rule cannot be split, or an attribute's value is wrong
     * @throws DeviceException if the device cannot run it
     */
    public static RankPlan prepare(
            LinearAttention attention, Device device, AttentionSizes sizes, Decay optional, String where) {
        return new RankPlan(attention, device, sizes, optional, where);
    }

    /** What is carried of each sequence. */
    public List<StateTensor> stateTensors() {
        return main.stateTensors();
    }

    /** How states lie between ranks. */
    public StateChain chain() {
        return chain;
    }

    /** Most tokens of a part. */
    int tokens() {
        return sizes.tokens();
    }

    /**
     * Runs a part. All ranks of a call run, those with empty parts too.
     *
     * @param part which of the row's tokens
     * @param tensors theirs, by name, float32: as {@link AttentionPlan#run}
     * @param states all of {@link #stateTensors()} by name, each [the part's sequences, …] float32: before the call the initial
     *     ones of sequences that begin in the part, after it those at their ends or the end of the part
     * @param gather this rank's, for this call
     * @param o receives the part's [tokens, HV, V]
     * @return where the time went, of both runs; total is with the wait for other ranks
     * @throws InputException if a tensor does not fit or a gate is NaN or +∞; other ranks have to be told then
     * @throws DeviceException if the device or another rank fails
     */
    public KernelTimes run(
            Part part,
            Map<String, MemorySegment> tensors,
            Map<String, MemorySegment> states,
            Gather gather,
            MemorySegment o) {
        long start = System.nanoTime();
        KernelTimes times = KernelTimes.ofTotal(0);
        Sequences all = part.sequences();
        int continued = part.continued() ? 1 : 0;
        try (Arena arena = Arena.ofShared()) {
            Contribution own;
            if (all.tokens() == 0) {
                own = Contribution.identity(chain, arena);
            } else if (part.isWithinOne()) {
                MemorySegment transition = arena.allocate(chain.transitionBytes(), 64);
                MemorySegment state = arena.allocate(chain.stateBytes(), 64);
                times = plus(times, learn(tensors, all, transition, state));
                own = new Contribution(chain, false, transition, state);
            } else {
                times = plus(times, sequences(part, continued, all.count(), tensors, states, o));
                MemorySegment state = arena.allocate(chain.stateBytes(), 64);
                chain.empty(state);
                if (part.continues()) {
                    chainStates().in(of(states, all.count() - 1, 1), state);
                }
                own = Contribution.resetting(chain, state, arena);
            }
            MemorySegment before = arena.allocate(chain.stateBytes(), 64);
            gather.exchange(own, before);
            if (part.continued()) {
                chainStates().out(before, of(states, 0, 1));
                times = plus(times, sequences(part, 0, 1, tensors, states, o));
            }
        }
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    /** Runs sequences {@code first} to {@code end} − 1 from their states to their states. */
    private KernelTimes sequences(
            Part part,
            int first,
            int end,
            Map<String, MemorySegment> tensors,
            Map<String, MemorySegment> states,
            MemorySegment o) {
        Sequences all = part.sequences();
        if (first == end) {
            return KernelTimes.ofTotal(0);
        }
        int from = all.first(first);
        int behind = all.end(end - 1);
        int[] offsets = new int[end - first + 1];
        for (int i = first; i < end; i++) {
            offsets[i - first + 1] = all.end(i) - from;
        }
        Map<String, MemorySegment> theirs = of(states, first, end - first);
        main.load(theirs, end - first);
        long perToken = (long) sizes.valueHeads() * sizes.valueDim() * Float.BYTES;
        KernelTimes times = main.run(
                new PartTensors(attention, sizes).of(tensors, all.tokens(), from, behind),
                new Sequences(offsets),
                o.asSlice(from * perToken, (behind - from) * perToken));
        main.save(theirs, end - first);
        return times;
    }

    /** The first run of a part from within one sequence: what it does to a state. */
    private KernelTimes learn(
            Map<String, MemorySegment> tensors, Sequences all, MemorySegment transition, MemorySegment state) {
        int more = more();
        AttentionSizes wide = PartTensors.wider(sizes, more);
        AttentionPlan plan = probe(wide);
        var wideStates = new ChainStates(chain, wide.valueDim());
        try (Arena arena = Arena.ofShared()) {
            Map<String, MemorySegment> states = new HashMap<>();
            for (StateTensor s : plan.stateTensors()) {
                states.put(s.name(), arena.allocate(s.elements() * Float.BYTES, 64));
            }
            MemorySegment scratch = arena.allocate((long) all.tokens() * wide.valueHeads() * wide.valueDim() * 4, 64);
            if (more > 0) {
                MemorySegment matrix = ChainStates.of(states, ChainStates.STATE);
                wideStates.probe(matrix);
                plan.load(Map.of(ChainStates.STATE, matrix), 1);
            } else {
                plan.load(Map.of(), 1);
            }
            KernelTimes times = plan.run(new PartTensors(attention, sizes).widened(tensors, more, arena), all, scratch);
            plan.save(states, 1);
            wideStates.in(states, state);
            switch (chain.kind()) {
                case DIAGONAL, MATRIX -> wideStates.transition(ChainStates.of(states, ChainStates.STATE), transition);
                case LARGEST -> ForgetSums.logSigmoids(tensors, all.tokens(), chain, transition);
                case LOG_SUM -> transition.fill((byte) 0);
            }
            return times;
        }
    }

    /** Columns behind V from which the transition is read. */
    private int more() {
        return switch (chain.kind()) {
            case DIAGONAL -> 1;
            case MATRIX -> sizes.keyDim();
            case LARGEST, LOG_SUM -> 0;
        };
    }

    private AttentionPlan probe(AttentionSizes wide) {
        AttentionPlan plan = probe.orElseGet(() -> attention.prepare(
                device,
                new AttentionSizes(wide.tokens(), 1, wide.heads(), wide.valueHeads(), wide.keyDim(), wide.valueDim()),
                optional,
                where));
        probe = Optional.of(plan);
        return plan;
    }

    private ChainStates chainStates() {
        return new ChainStates(chain, sizes.valueDim());
    }

    /** States of some sequences. */
    private Map<String, MemorySegment> of(Map<String, MemorySegment> states, int first, int n) {
        Map<String, MemorySegment> some = new HashMap<>();
        for (StateTensor s : main.stateTensors()) {
            long bytes = s.elements() * Float.BYTES;
            some.put(s.name(), ChainStates.of(states, s.name()).asSlice(first * bytes, n * bytes));
        }
        return some;
    }

    private static KernelTimes plus(KernelTimes a, KernelTimes b) {
        return new KernelTimes(
                a.kernel() + b.kernel(), a.transfer() + b.transfer(), a.compile() + b.compile(), a.total() + b.total());
    }

    @Override
    public void close() {
        main.close();
        probe.ifPresent(AttentionPlan::close);
    }
}
