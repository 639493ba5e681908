package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The gradients of a rule on the delta step. */
final class DeltaRuleBackward implements AttentionBackwardPlan {
    private final CallCheck check;
    private final AttentionSizes sizes;
    private final DifferentiableRule rule;
    private final DeltaBackwardPlan plan;

    /** What the step writes, for rules that make o of it. */
    private final Optional<DeltaPlan> forward;

    private final Scratch scratch;
    private boolean closed;

    /** @param scratch the rule's; closed with the plan */
    DeltaRuleBackward(
            CallCheck check,
            AttentionSizes sizes,
            DifferentiableRule rule,
            DeltaBackwardPlan plan,
            Optional<DeltaPlan> forward,
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
        var call = new RuleCall(tensors, sequences);
        var states = new UserStates(sizes, rule, UserStates.Factors.TIMES);
        var stateGradients = new UserStates(sizes, rule, UserStates.Factors.DIVIDED);
        try (Arena arena = Arena.ofShared()) {
            MemorySegment begin = ours(arena, states, initial, n);
            MemorySegment dEnd = ours(arena, stateGradients, dFinal, n);
            MemorySegment dBegin = stateGradients.among(dInitial) ? room(arena, n) : DeltaOperands.NOTHING;
            DeltaOperands operands = rule.operands(call);
            MemorySegment dRaw =
                    forward.isEmpty() ? dO : rule.outputGradient(call, raw(forward.get(), operands, call, begin), dO);
            DeltaGradients to = rule.route(call, gradients, dBegin);
            KernelTimes times = plan.run(operands, rule.sequences(call), begin, dRaw, dEnd, to);
            rule.finishGradients(call, gradients);
            if (DeltaGradients.wanted(dBegin)) {
                stateGradients.out(dBegin, dInitial, n);
            }
            return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
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

    private MemorySegment raw(DeltaPlan plan, DeltaOperands operands, RuleCall call, MemorySegment begin) {
        DeltaSizes s = rule.sizes();
        Sequences steps = rule.sequences(call);
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
        states.forEach((name, tensor) -> {
            boolean state = name.equals(UserStates.STATE);
            if (!state && !(rule.hasNormalizer() && name.equals(UserStates.NORMALIZER))) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        prefix + name,
                        "is nothing that this rule carries",
                        "it carries " + (rule.hasNormalizer() ? "state, z" : "state"));
            }
            long wanted = (long) n * sizes.valueHeads() * sizes.keyDim() * (state ? sizes.valueDim() : 1);
            if (tensor.byteSize() != wanted * Float.BYTES) {
                throw InputException.ofTensor(
                        LinearAttention.NAME,
                        prefix + name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements where " + wanted + " are wanted",
                        "give it for all " + n + " sequences of the call");
            }
        });
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
            forward.ifPresent(DeltaPlan::close);
            scratch.close();
        }
    }
}
