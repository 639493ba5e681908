package dev.gust.runtime.attention;

import dev.gust.runtime.attention.AttentionPlan.StateTensor;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import java.util.List;
import java.util.Optional;

/** {@link Dlr} as a rule; users' heads are its channels, and they see the imaginary part of the state as imag. */
record DlrRule(AttentionSizes users) implements AttentionRule<DlrOperands> {
    @Override
    public DeltaSizes sizes() {
        return Dlr.sizes(users.tokens(), users.sequences(), users.valueHeads(), users.keyDim());
    }

    @Override
    public StatePlan<DlrOperands> prepare(Device device, Form form, Optional<KernelStyle> kernels) {
        return Dlr.prepare(
                device, users.tokens(), users.sequences(), users.valueHeads(), users.keyDim(), form, kernels);
    }

    @Override
    public DlrOperands operands(RuleCall call) {
        return new DlrOperands(
                call.tensor("u"),
                call.tensor("lambda"),
                call.tensor("omega"),
                call.tensor("w_re"),
                call.tensor("w_im"));
    }

    @Override
    public StateTensor state(AttentionSizes sizes) {
        return part(UserStates.STATE, sizes);
    }

    @Override
    public Optional<StateTensor> lastColumn(AttentionSizes sizes) {
        return Optional.of(part("imag", sizes));
    }

    private static StateTensor part(String name, AttentionSizes sizes) {
        return new StateTensor(name, List.of((long) sizes.valueHeads(), (long) sizes.keyDim()));
    }
}
