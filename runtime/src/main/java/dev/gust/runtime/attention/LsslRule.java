package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Optional;

/** {@link Lssl} as a rule; users' heads are its channels. */
record LsslRule(AttentionSizes users) implements AttentionRule<LsslOperands> {
    @Override
    public DeltaSizes sizes() {
        return Lssl.sizes(users.tokens(), users.sequences(), users.valueHeads(), users.keyDim());
    }

    @Override
    public StatePlan<LsslOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return Lssl.prepare(
                device, users.tokens(), users.sequences(), users.valueHeads(), users.keyDim(), form, kernels);
    }

    @Override
    public LsslOperands operands(RuleCall call) {
        return new LsslOperands(
                call.tensor("u"),
                call.tensor("a"),
                call.tensor("b"),
                call.tensor("c"),
                call.tensor("d"),
                call.tensor("dt"));
    }

    @Override
    public StateTensor state(AttentionSizes sizes) {
        return new StateTensor(UserStates.STATE, List.of((long) sizes.valueHeads(), (long) sizes.keyDim()));
    }
}
