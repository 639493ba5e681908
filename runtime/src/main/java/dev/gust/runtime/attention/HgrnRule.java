package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/** {@link Hgrn} as a rule; users' heads are its channels. */
record HgrnRule(AttentionSizes users) implements DifferentiableRule<HgrnOperands, HgrnGradients> {
    @Override
    public DeltaSizes sizes() {
        return DeltaSizes.of(users.tokens(), users.sequences(), 1, 1, 1, users.valueHeads(), HeadMap.INTERLEAVED);
    }

    @Override
    public StatePlan<HgrnOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return Hgrn.prepare(device, users.tokens(), users.sequences(), users.valueHeads(), form, kernels);
    }

    @Override
    public HgrnOperands operands(RuleCall call) {
        return new HgrnOperands(call.tensor("x"), call.tensor("g"));
    }

    @Override
    public StateTensor state(AttentionSizes sizes) {
        return new StateTensor(UserStates.STATE, List.of((long) sizes.valueHeads()));
    }

    /** There is no other way to a decay's gradient: the state before each token is the output of the one before. */
    @Override
    public BackwardPlan<HgrnOperands, HgrnGradients> prepareBackward(Device device, Form form, DecayGradient decays) {
        return Hgrn.prepareBackward(device, users.tokens(), users.sequences(), users.valueHeads(), form);
    }

    @Override
    public HgrnGradients route(BackwardCall call, MemorySegment initialStates) {
        return new HgrnGradients(call.wanted("x"), call.wanted("g"), initialStates);
    }
}
