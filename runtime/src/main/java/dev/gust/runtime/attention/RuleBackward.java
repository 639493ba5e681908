package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.device.Device;
import dev.gust.runtime.kernel.KernelStyle;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The gradients of a rule: what users give and see on one side, the recurrence's gradients on the other. */
final class RuleBackward<X, G> implements AttentionBackwardPlan {
    private final CallCheck check;
    private final AttentionSizes sizes;
    private final DifferentiableRule<X, G> rule;
    private final BackwardPlan<X, G> plan;

    /** What the recurrence writes, for rules whose gradients need it. */
    private final Optional<StatePlan<X>> forward;

    private final Scratch scratch;
    private boolean closed;

    /**
     * Makes it ready.
     *
     * @param form of the recurrence, where it runs too
     * @param scratch the rule's; closed with the plan
     */
    static <X, G> AttentionBackwardPlan prepare(
            Device device,
            DifferentiableRule<X, G> rule,
            CallCheck check,
            AttentionSizes sizes,
            Form form,
            Optional<KernelStyle> kernels,
            DecayGradient decays,
            Scratch scratch) {
        BackwardPlan<X, G> plan = rule.prepareBackward(device, form, decays);
        Optional<StatePlan<X>> forward =
                rule.needsOutput() ? Optional.of(rule.prepare(device, form, kernels)) : Optional.empty();
        return new RuleBackward<>(check, sizes, rule, plan, forward, scratch);
    }

    private RuleBackward(
            CallCheck check,
            AttentionSizes sizes,
            DifferentiableRule<X, G> rule,
            BackwardPlan<X, G> plan,
            Optional<StatePlan<X>> forward,
            Scratch scratch) {
        this.check = check;
        this.sizes = sizes;
        this.rule = rule;
        this.plan = plan;
        this.forward = forward;
        this.scratch = scratch;
    }

    @Override
    public synchronized KernelTimes run(
            Map<String, MemorySegment> tensors,
            Sequences sequences,
            Map<String, MemorySegment> initial,
            MemorySegment dO,
            Map<String, MemorySegment> dFinal,
            Map<String, MemorySegment> gradients) {
        if (closed) {
            throw new IllegalStateException("the plan of linear attention's gradients is closed");
        }
        int n = sequences.count();
        check.check(tensors, sequences, dO);
        requireStates(initial, n, "");
        requireStates(dFinal, n, "");
        Map<String, MemorySegment> dInitial = check(tensors, gradients, n);
        long start = System.nanoTime();
        var call = new BackwardCall(new RuleCall(tensors, sequences), initial, dO, dFinal, gradients);
        carry(initial, n);
        var states = new UserStates(sizes, rule, UserStates.Factors.TIMES);
        var stateGradients = new UserStates(sizes, rule, UserStates.Factors.DIVIDED);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment begin = ours(arena, states, initial, n);
            MemorySegment dEnd = ours(arena, stateGradients, dFinal, n);
            MemorySegment dBegin = stateGradients.among(dInitial) ? room(arena, n) : DeltaOperands.NOTHING;
            X operands = rule.operands(call.call());
            Sequences steps = rule.sequences(call.call());
            MemorySegment raw =
                    forward.map(plan -> raw(plan, operands, steps, begin)).orElse(DeltaOperands.NOTHING);
            MemorySegment dRaw = rule.outputGradient(call, raw);
            KernelTimes times = plan.run(operands, steps, begin, dRaw, dEnd, rule.route(call, dBegin));
            rule.finishGradients(call);
            if (DeltaGradients.wanted(dBegin)) {
                stateGradients.out(dBegin, dInitial, n);
            }
            return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
        }
    }

    /** Puts what is carried on the host where it was when the call's sequences began. */
    private void carry(Map<String, MemorySegment> initial, int n) {
        for (Carried c : rule.carried()) {
            for (int i = 0; i < n; i++) {
                c.clear(i, sizes.valueHeads());
            }
            MemorySegment given = initial.get(c.name());
            if (given != null) {
                c.load(given);
            }
        }
    }

    private MemorySegment room(Arena arena, int n) {
        return arena.allocate(rule.sizes().stateElements(n) * Float.BYTES, 64);
    }

    private MemorySegment ours(Arena arena, UserStates as, Map<String, MemorySegment> states, int n) {
        if (!as.among(states)) {
            return DeltaOperands.NOTHING;
        }
        MemorySegment ours = room(arena, n);
        as.in(states, ours, n);
        return ours;
    }

    private MemorySegment raw(StatePlan<X> plan, X operands, Sequences steps, MemorySegment begin) {
        DeltaSizes s = rule.sizes();
        for (int i = 0; i < steps.count(); i++) {
            plan.clearState(i);
        }
        if (DeltaGradients.wanted(begin)) {
            plan.loadStates(begin);
        }
        MemorySegment raw = scratch.floats("o", steps.tokens(), (long) s.valueHeads() * s.valueDim());
        plan.run(operands, steps, raw);
        return raw;
    }

    /** Checks what is wanted, and takes the states' gradients out under the states' names. */
    private Map<String, MemorySegment> check(
            Map<String, MemorySegment> tensors, Map<String, MemorySegment> gradients, int n) {
        Map<String, MemorySegment> dInitial = new HashMap<>();
        gradients.forEach((name, gradient) -> {
            if (name.startsWith(INITIAL)) {
                dInitial.put(name.substring(INITIAL.length()), gradient);
                return;
            }
            MemorySegment tensor = tensors.get(name);
            if (tensor == null) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        name,
                        "is no tensor of this call, and has no gradient",
                        "ask for those of "
                                + String.join(
                                        ", ", tensors.keySet().stream().sorted().toList()));
            }
            if (gradient.byteSize() != tensor.byteSize()) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements and its gradient room for "
                                + gradient.byteSize() / Float.BYTES,
                        "give a gradient the size of its tensor");
            }
        });
        requireStates(dInitial, n, INITIAL);
        return dInitial;
    }

    private void requireStates(Map<String, MemorySegment> states, int n, String prefix) {
        Map<String, Long> carried = carried();
        states.forEach((name, tensor) -> {
            Long each = carried.get(name);
            if (each == null) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        prefix + name,
                        "is nothing that this rule carries",
                        "it carries " + String.join(", ", carried.keySet()));
            }
            long wanted = n * each;
            if (tensor.byteSize() != wanted * Float.BYTES) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        prefix + name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements where " + wanted + " are wanted",
                        "give it for all " + n + " sequences of the call");
            }
        });
    }

    /** Elements of a sequence, by the names of states. */
    private Map<String, Long> carried() {
        Map<String, Long> carried = new LinkedHashMap<>();
        carried.put(rule.state(sizes).name(), rule.state(sizes).elements());
        rule.lastColumn(sizes).ifPresent(z -> carried.put(z.name(), z.elements()));
        rule.carried().forEach(c -> carried.put(c.name(), (long) sizes.valueHeads() * c.length()));
        return carried;
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
            forward.ifPresent(StatePlan::close);
            scratch.close();
        }
    }
}
