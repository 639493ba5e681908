package dev.gust.runtime.attention;

import dev.gust.formats.InputException;
import dev.gust.runtime.kernel.KernelTimes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A rule on a recurrence: what users give and see on one side, the recurrence's operands and states on the other.
 *
 * @param <X> the recurrence's operands
 */
final class RulePlan<X> implements AttentionPlan {
    private final CallCheck check;
    private final AttentionSizes sizes;
    private final AttentionRule<X> rule;
    private final StatePlan<X> plan;
    private final UserStates userStates;
    private final Scratch scratch;
    private boolean closed;

    /** @param scratch the rule's; closed with the plan */
    RulePlan(CallCheck check, AttentionSizes sizes, AttentionRule<X> rule, StatePlan<X> plan, Scratch scratch) {
        this.check = check;
        this.sizes = sizes;
        this.rule = rule;
        this.plan = plan;
        this.userStates = new UserStates(sizes, rule, UserStates.Factors.TIMES);
        this.scratch = scratch;
    }

    @Override
    public synchronized KernelTimes run(Map<String, MemorySegment> tensors, Sequences sequences, MemorySegment o) {
        requireOpen();
        check.check(tensors, sequences, o);
        if (sequences.tokens() == 0) {
            return KernelTimes.ofTotal(0);
        }
        long start = System.nanoTime();
        var call = new RuleCall(tensors, sequences);
        X operands = rule.operands(call);
        Sequences steps = rule.sequences(call);
        MemorySegment raw = o;
        if (rule.finishes()) {
            DeltaSizes s = rule.sizes();
            raw = scratch.floats("o", steps.tokens(), (long) s.valueHeads() * s.valueDim());
        }
        KernelTimes times = plan.run(operands, steps, raw);
        if (rule.finishes()) {
            rule.finish(call, raw, o);
        }
        return new KernelTimes(times.kernel(), times.transfer(), times.compile(), System.nanoTime() - start);
    }

    @Override
    public synchronized void clear(int sequence) {
        requireOpen();
        plan.clearState(sequence);
        rule.carried().forEach(c -> c.clear(sequence, sizes.valueHeads()));
    }

    @Override
    public List<StateTensor> stateTensors() {
        long heads = sizes.valueHeads();
        var tensors = new ArrayList<StateTensor>(List.of(rule.state(sizes)));
        rule.lastColumn(sizes).ifPresent(tensors::add);
        rule.carried()
                .forEach(c -> tensors.add(new StateTensor(
                        c.name(), c.length() == 1 ? List.of(heads) : List.of(heads, (long) c.length()))));
        return tensors;
    }

    @Override
    public synchronized void load(Map<String, MemorySegment> states, int n) {
        requireOpen();
        checkStates(states, n);
        requireWeights(states);
        for (int i = 0; i < n; i++) {
            clear(i);
        }
        if (userStates.among(states)) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ours = arena.allocate(userStates.bytes(n), 64);
                userStates.in(states, ours, n);
                plan.loadStates(ours);
            }
        }
        for (Carried c : rule.carried()) {
            MemorySegment given = states.get(c.name());
            if (given != null) {
                c.load(given);
            }
        }
    }

    @Override
    public synchronized void save(Map<String, MemorySegment> states, int n) {
        requireOpen();
        checkStates(states, n);
        if (userStates.among(states)) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ours = arena.allocate(userStates.bytes(n), 64);
                plan.saveStates(ours);
                userStates.out(ours, states, n);
            }
        }
        for (Carried c : rule.carried()) {
            MemorySegment wanted = states.get(c.name());
            if (wanted != null) {
                c.save(wanted);
            }
        }
    }

    private void checkStates(Map<String, MemorySegment> states, int n) {
        if (n < 0 || n > sizes.sequences()) {
            throw InputException.of(
                    check.where(),
                    "states of " + n + " sequences for a plan of " + sizes.sequences(),
                    "prepare a larger plan");
        }
        states.forEach((name, tensor) -> {
            StateTensor known = stateTensors().stream()
                    .filter(s -> s.name().equals(name))
                    .findFirst()
                    .orElseThrow(() -> InputException.ofTensor(
                            check.where(),
                            name,
                            "is nothing that this rule carries",
                            "it carries "
                                    + String.join(
                                            ", ",
                                            stateTensors().stream()
                                                    .map(StateTensor::name)
                                                    .toList())));
            if (tensor.byteSize() != n * known.elements() * Float.BYTES) {
                throw InputException.ofTensor(
                        check.where(),
                        name,
                        "has " + tensor.byteSize() / Float.BYTES + " elements where " + n * known.elements()
                                + " are wanted",
                        "give it as [" + n + ", …] " + known.shape());
            }
        });
    }

    /** A state that is carried as a multiple of a power of e is nothing without the power, which starts as −∞. */
    private void requireWeights(Map<String, MemorySegment> states) {
        for (Carried c : rule.carried()) {
            if (c.fill() == Float.NEGATIVE_INFINITY && userStates.among(states) && !states.containsKey(c.name())) {
                throw AttentionPlan.StateTensor.weightless(check.where(), c.name());
            }
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("the plan of " + check.where() + " is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            plan.close();
            scratch.close();
        }
    }
}
