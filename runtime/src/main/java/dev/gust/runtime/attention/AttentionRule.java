package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * A paper's rule as a case of a common recurrence: prepares its inputs, and finishes what comes out. One belongs to each plan.
 *
 * @param <X> the recurrence's operands
 */
interface AttentionRule<X> {
    /** Sizes of the recurrence. */
    DeltaSizes sizes();

    /** The recurrence, ready on a device. */
    StatePlan<X> prepare(Device device, Form form, Optional<KernelStyle> kernels);

    /** The recurrence's operands for a call. */
    X operands(RuleCall call);

    /** Which of the recurrence's tokens are whose: not the call's where a token takes several steps. */
    default Sequences sequences(RuleCall call) {
        return call.sequences();
    }

    /** Whether {@link #finish} makes what users get of what the recurrence wrote; otherwise that is it. */
    default boolean finishes() {
        return false;
    }

    /**
     * Makes o of what the recurrence wrote.
     *
     * @param raw [the recurrence's tokens, HV, the recurrence's V]
     * @param o [tokens, HV, V]
     */
    default void finish(RuleCall call, MemorySegment raw, MemorySegment o) {}

    /** What is carried on the host. */
    default List<Carried> carried() {
        return List.of();
    }

    /** Whether the state has a column more than V, in which the normaliser z [N, HV, K] is. */
    default boolean hasNormalizer() {
        return false;
    }

    /** The state as users see it: its rows, [HV, K] in most rules, have the columns V. */
    default StateTensor state(AttentionSizes users) {
        return new StateTensor(
                UserStates.STATE, List.of((long) users.valueHeads(), (long) users.keyDim(), (long) users.valueDim()));
    }

    /** What users see of a column behind V, if the state has one: one element for each of its rows. */
    default Optional<StateTensor> lastColumn(AttentionSizes users) {
        return hasNormalizer()
                ? Optional.of(new StateTensor(
                        UserStates.NORMALIZER, List.of((long) users.valueHeads(), (long) users.keyDim())))
                : Optional.empty();
    }

    /** What a head's state is multiplied by where users see it: other conventions than ours. */
    default float stateFactor(int head) {
        return 1;
    }
}
