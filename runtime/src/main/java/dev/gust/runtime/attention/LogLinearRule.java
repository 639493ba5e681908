package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.formats.UsageException;
import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * {@link LogLinear} as a rule. Sequences begin with {@code position} tokens behind them, whether their levels are given or
 * zero.
 */
final class LogLinearRule implements AttentionRule<LogLinearOperands> {
    private static final int MOST_TOKENS = (1 << 17) - 1;

    private final RuleSettings settings;
    private final int position;
    private final LogLinear attention;

    LogLinearRule(RuleSettings settings) {
        this.settings = settings;
        this.position = position(settings);
        this.attention = new LogLinear(levels(settings), settings.unit(), settings.scale());
        if (position >= 1 << (attention.levels() - 1)) {
            throw new UsageException(
                    "position " + position + " for " + attention.levels() + " levels",
                    "set levels to " + LogLinear.levelsFor(position) + " at least");
        }
    }

    private static int position(RuleSettings settings) {
        return settings.number("position", 0, 0, MOST_TOKENS);
    }

    /** As many as are set, or enough for the plan's tokens, the same number to each sequence. */
    static int levels(RuleSettings settings) {
        AttentionSizes s = settings.sizes();
        int longest = Math.min(MOST_TOKENS, Math.ceilDiv(s.tokens(), Math.max(1, s.sequences())));
        int enough = LogLinear.levelsFor(Math.min(MOST_TOKENS, position(settings) + longest));
        return settings.number("levels", enough, 1, LogLinear.levelsFor(MOST_TOKENS));
    }

    @Override
    public DeltaSizes sizes() {
        return settings.deltaSizes();
    }

    @Override
    public StatePlan<LogLinearOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return new Positioned(attention.prepare(device, sizes(), form, kernels));
    }

    @Override
    public LogLinearOperands operands(RuleCall call) {
        return new LogLinearOperands(
                call.tensor("q"), call.tensor("k"), call.tensor("v"), call.tensor("g"), call.tensor("level_scales"));
    }

    @Override
    public StateTensor state(AttentionSizes users) {
        return new StateTensor(
                "levels", List.of((long) users.valueHeads(), (long) attention.levels(), (long) users.keyDim(), (long)
                        users.valueDim()));
    }

    /** A plan whose sequences begin at the rule's position. */
    private final class Positioned implements StatePlan<LogLinearOperands> {
        private final LogLinearPlan plan;

        Positioned(LogLinearPlan plan) {
            this.plan = plan;
            for (int i = 0; i < settings.sizes().sequences(); i++) {
                plan.restart(i, position);
            }
        }

        @Override
        public KernelTimes run(LogLinearOperands operands, Sequences sequences, MemorySegment o) {
            for (int i = 0; i < sequences.count(); i++) {
                long tokens = (long) plan.position(i) + sequences.end(i) - sequences.first(i);
                if (tokens >= 1L << (attention.levels() - 1)) {
                    throw InputException.of(
                            LinearAttention.NAME + " log-linear",
                            "sequence " + i + " comes to " + tokens + " tokens, too many for " + attention.levels()
                                    + " levels",
                            "set levels to 2 more than the logarithm of its tokens to base 2, rounded down, and give "
                                    + "level_scales so many");
                }
            }
            return plan.run(operands, sequences, o);
        }

        @Override
        public void clearState(int sequence) {
            plan.restart(sequence, position);
        }

        @Override
        public void loadStates(MemorySegment states) {
            long bytes = attention.stateElements(sizes()) * Float.BYTES;
            int[] tokens = new int[DeltaStates.count(states, bytes, sizes().sequences())];
            Arrays.fill(tokens, position);
            plan.loadStates(states, tokens);
        }

        @Override
        public void saveStates(MemorySegment states) {
            plan.saveStates(states);
        }

        @Override
        public void close() {
            plan.close();
        }
    }
}
