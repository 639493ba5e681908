package dev.gust.runtime.attention;

import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.Function;

/**
 * Log-linear attention made ready on a device, with the states of its sequences and how many tokens they have had. Safe to
 * call from many threads, one call after the other. Calls of many tokens go through in slices, which bound what is reserved.
 */
public final class LogLinearPlan implements AutoCloseable {
    private final LogLinear attention;
    private final DeltaSizes sizes;

    /** [N] tokens that sequences have had; shared with the plan, which reads them. */
    private final int[] positions;

    /** Most tokens of a slice. */
    private final int slice;

    private final StatePlan<LogLinearOperands> plan;

    /** @param slice most tokens for which {@code plan} has room */
    LogLinearPlan(
            LogLinear attention, DeltaSizes sizes, int slice, Function<int[], StatePlan<LogLinearOperands>> plan) {
        this.attention = attention;
        this.sizes = sizes;
        this.slice = slice;
        this.positions = new int[sizes.sequences()];
        this.plan = plan.apply(positions);
    }

    /**
     * Goes through the tokens of some sequences, from where their states are.
     *
     * @param o receives [tokens, HV, V]
     * @throws IllegalArgumentException if sizes do not fit, or a sequence gets more tokens than its levels are for
     */
    public synchronized KernelTimes run(LogLinearOperands operands, Sequences sequences, MemorySegment o) {
        operands.check(attention, sizes, sequences, o);
        operands.requireGates();
        for (int i = 0; i < sequences.count(); i++) {
            requireLevels((long) positions[i] + sequences.end(i) - sequences.first(i));
        }
        KernelTimes times = KernelTimes.ofTotal(0);
        for (int from = 0; from < sequences.tokens(); from += slice) {
            int to = (int) Math.min((long) from + slice, sequences.tokens());
            times = times.plus(runSlice(
                    operands.slice(attention, sizes, from, to),
                    sequences.slice(from, to),
                    o.asSlice(sizes.valueElements(from) * Float.BYTES, sizes.valueElements(to - from) * Float.BYTES)));
        }
        return times;
    }

    private KernelTimes runSlice(LogLinearOperands operands, Sequences sequences, MemorySegment o) {
        KernelTimes times = plan.run(operands, sequences, o);
        for (int i = 0; i < sequences.count(); i++) {
            positions[i] += sequences.end(i) - sequences.first(i);
        }
        return times;
    }

    /** How many tokens a sequence has had. */
    public synchronized int position(int sequence) {
        return positions[sequence];
    }

    /** Sets the states of one sequence to zero, and its tokens to none. */
    public synchronized void clearState(int sequence) {
        restart(sequence, 0);
    }

    /** Sets the states of one sequence to zero, as if it had had tokens that left nothing. */
    synchronized void restart(int sequence, int tokens) {
        requireLevels(tokens);
        plan.clearState(sequence);
        positions[sequence] = tokens;
    }

    /**
     * Sets the states of sequences 0 to n − 1.
     *
     * @param states [n, HV, levels, K, V] float32; levels that stand for no tokens count as zero
     * @param tokens [n] how many they have had
     * @throws IllegalArgumentException if sizes do not fit
     */
    public synchronized void loadStates(MemorySegment states, int... tokens) {
        long bytes = attention.stateElements(sizes) * Float.BYTES;
        int n = DeltaStates.count(states, bytes, sizes.sequences());
        if (n != tokens.length) {
            throw new IllegalArgumentException(n + " states and " + tokens.length + " numbers of tokens");
        }
        for (int count : tokens) {
            requireLevels(count);
        }
        try (Arena arena = Arena.ofShared()) {
            MemorySegment used = arena.allocate(states.byteSize(), Float.BYTES);
            long level = bytes / sizes.valueHeads() / attention.levels();
            for (long at = 0; at < states.byteSize(); at += level) {
                int bit = (int) (at / level % attention.levels()) - 1;
                if (bit >= 0 && (tokens[(int) (at / bytes)] >> bit & 1) == 1) {
                    MemorySegment.copy(states, at, used, at, level);
                }
            }
            plan.loadStates(used);
        }
        System.arraycopy(tokens, 0, positions, 0, n);
    }

    /**
     * Reads the states of sequences 0 to n − 1.
     *
     * @param states receives [n, HV, levels, K, V] float32; those of levels that stand for no tokens are zero
     */
    public synchronized void saveStates(MemorySegment states) {
        plan.saveStates(states);
    }

    private void requireLevels(long tokens) {
        if (tokens < 0 || tokens >= 1L << (attention.levels() - 1)) {
            throw new IllegalArgumentException(
                    "a sequence of " + tokens + " tokens for " + attention.levels() + " levels");
        }
    }

    @Override
    public synchronized void close() {
        plan.close();
    }
}
